package import GateModel

/// Who is shut out for a while, as connections and handshakes ask it.
///
/// A ban ends by itself: every question says what time it is. A question about an address costs one look-up for each
/// length of block that there is (33 and 129 at most), however many bans. Its size is its source's: the store bounds it.
package struct BanList: Equatable, Sendable {
    /// How long a ban holds, and where it comes from.
    package struct Term: Equatable, Sendable {
        /// When it ends; `nil`: when it is lifted.
        package let until: UnixTime?
        /// Whether faults earned it rather than an operator gave it.
        package let isEarned: Bool

        package init(until: UnixTime?, isEarned: Bool) {
            self.until = until
            self.isEarned = isEarned
        }

        fileprivate func holds(at now: UnixTime, countingEarned: Bool) -> Bool {
            (countingEarned || !isEarned) && (until.map { now < $0 } ?? true)
        }
    }

    private var nodes: [NodeUUID: Term] = [:]
    private var blocks: [AddressBlock: Term] = [:]
    /// How many of `blocks` have each length, by the family's bits.
    private var lengths: [Int: [Int: Int]] = [:]
    private var sweepAt = BanList.sweepMin

    /// Below so many bans those that have ended are kept.
    private static let sweepMin = 1024

    /// Nobody is banned.
    package init() {}

    /// How many there are, those that ended lately included.
    package var count: Int { nodes.count + blocks.count }

    /// Bans somebody, in place of a ban that stands.
    package mutating func set(_ subject: AccessSubject, _ term: Term, at now: UnixTime) {
        if count >= sweepAt {
            dropEnded(at: now)
            sweepAt = max(BanList.sweepMin, 2 * count)
        }
        switch subject {
        case .node(let node): nodes[node] = term
        case .block(let block):
            if blocks.updateValue(term, forKey: block) == nil {
                lengths[block.prefix.bitCount, default: [:]][block.length, default: 0] += 1
            }
        }
    }

    /// Bans somebody no more.
    package mutating func lift(_ subject: AccessSubject) {
        switch subject {
        case .node(let node): nodes[node] = nil
        case .block(let block):
            guard blocks.removeValue(forKey: block) != nil else { return }
            let left = (lengths[block.prefix.bitCount]?[block.length] ?? 1) - 1
            lengths[block.prefix.bitCount]?[block.length] = left > 0 ? left : nil
        }
    }

    /// Whether a node is banned now; `countingEarned` says whether bans count that faults earned.
    package func bans(_ node: NodeUUID, at now: UnixTime, countingEarned: Bool) -> Bool {
        nodes[node]?.holds(at: now, countingEarned: countingEarned) ?? false
    }

    /// Whether an address is in a banned block now; one in IPv6 clothing also where its IPv4 address is.
    package func bans(_ address: IPAddress, at now: UnixTime, countingEarned: Bool) -> Bool {
        guard !blocks.isEmpty else { return false }
        let isBanned = lengths[address.bitCount, default: [:]].keys.contains { length in
            blocks[AddressBlock(around: address, length: length)]?.holds(at: now, countingEarned: countingEarned)
                ?? false
        }
        if isBanned { return true }
        return address.embeddedIPv4.map { bans($0, at: now, countingEarned: countingEarned) } ?? false
    }

    private mutating func dropEnded(at now: UnixTime) {
        nodes = nodes.filter { $0.value.holds(at: now, countingEarned: true) }
        for (block, term) in blocks where !term.holds(at: now, countingEarned: true) { lift(.block(block)) }
    }
}
