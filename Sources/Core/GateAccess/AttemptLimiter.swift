package import GateModel

/// What an address is charged for, after OpenSSH's PerSourcePenalties: short, and only before anything authenticated.
package enum AddressFault: Sendable, CaseIterable {
    /// One more connection than the free ones.
    case attempt
    /// The first flight didn't open: noise, a scanner, a wrong UUID, secret or clock.
    case unintelligible
    /// The handshake took too long.
    case timeout
    /// The handshake failed after it had begun.
    case handshake
    /// Authenticated, but not allowed.
    case refused
    /// A record's tag was wrong: light, for it may be the path's fault.
    case record

    /// How much longer the address must wait.
    var penalty: Duration {
        switch self {
        case .attempt: .seconds(2)
        case .unintelligible: .seconds(5)
        case .timeout: .seconds(5)
        case .handshake: .seconds(5)
        case .refused: .seconds(3)
        case .record: .seconds(1)
        }
    }
}

/// The bounds of ``AttemptLimiter``.
package struct AttemptSettings: Equatable, Sendable {
    /// Connections of one address in ``interval`` before they cost.
    package var freeAttempts = 2
    /// See ``freeAttempts``.
    package var interval: Duration = .seconds(10)
    /// Penalties below this have no effect yet.
    package var penaltyThreshold: Duration = .seconds(15)
    /// An address never waits longer than this.
    package var penaltyMax: Duration = .seconds(600)
    /// Handshakes under way, of one address.
    package var halfOpenPerAddress = 256
    /// Handshakes under way in all.
    package var halfOpenTotal = 1024
    /// Addresses remembered; the others share one entry.
    package var addressesMax = 65_536
    /// Whether this machine's own addresses are never charged; bounds hold for them too.
    package var exemptsLoopback = true

    /// The defaults.
    package init() {}
}

/// Decides, before a byte is read, whether a connection from an address is worth a handshake.
///
/// Counts attempts and handshakes under way, and keeps penalties, per IPv4 address or IPv6 /64. Its memory is bounded:
/// what is over is forgotten, and addresses beyond the bound share one entry. Belongs to one event loop, or is behind a
/// lock.
package struct AttemptLimiter {
    /// The answer to a new connection.
    package enum Verdict: Equatable, Sendable {
        /// Go on; call ``ended(_:)`` when the handshake is over, either way.
        case accepted
        /// Close at once: the address has penalties to wait for.
        case penalized(until: MonotonicInstant)
        /// Close at once: too many handshakes are under way.
        case crowded
    }

    private struct Entry {
        var windowStart: MonotonicInstant
        var attempts = 0
        var halfOpen = 0
        var penaltyUntil: MonotonicInstant
    }

    /// The bounds; a change holds from the next connection on.
    package var settings: AttemptSettings
    private var entries: [IPAddress: Entry] = [:]
    private var overflow: Entry?
    private var sweepAt = 1024
    private var sweptAt: MonotonicInstant?

    /// Handshakes under way in all.
    package private(set) var halfOpenCount = 0

    /// Remembers nobody yet.
    package init(settings: AttemptSettings) { self.settings = settings }

    /// How many addresses are remembered.
    package var addressCount: Int { entries.count }

    /// A connection came in.
    package mutating func attempted(from address: IPAddress, at now: MonotonicInstant) -> Verdict {
        guard halfOpenCount < settings.halfOpenTotal else { return .crowded }
        var entry = entry(of: address, at: now)
        defer { keep(entry, of: address) }
        if !isExempt(address) {
            if now - entry.windowStart >= settings.interval {
                entry.windowStart = now
                entry.attempts = 0
            }
            entry.attempts += 1
            if entry.attempts > settings.freeAttempts { charge(&entry, .attempt, at: now) }
            guard entry.penaltyUntil - now <= settings.penaltyThreshold else {
                return .penalized(until: entry.penaltyUntil)
            }
        }
        guard entry.halfOpen < settings.halfOpenPerAddress else { return .crowded }
        entry.halfOpen += 1
        halfOpenCount += 1
        return .accepted
    }

    /// A handshake that was accepted is over.
    package mutating func ended(_ address: IPAddress) {
        halfOpenCount = max(0, halfOpenCount - 1)
        let key = AttemptLimiter.key(address)
        if var entry = entries[key] {
            entry.halfOpen = max(0, entry.halfOpen - 1)
            entries[key] = entry
        } else if let shared = overflow {
            overflow?.halfOpen = max(0, shared.halfOpen - 1)
        }
    }

    /// An address did something that costs.
    package mutating func charged(_ address: IPAddress, _ fault: AddressFault, at now: MonotonicInstant) {
        guard !isExempt(address) else { return }
        var entry = entry(of: address, at: now)
        charge(&entry, fault, at: now)
        keep(entry, of: address)
    }

    private func isExempt(_ address: IPAddress) -> Bool { settings.exemptsLoopback && address.isLoopback }

    private func charge(_ entry: inout Entry, _ fault: AddressFault, at now: MonotonicInstant) {
        entry.penaltyUntil = min(max(entry.penaltyUntil, now) + fault.penalty, now + settings.penaltyMax)
    }

    private mutating func entry(of address: IPAddress, at now: MonotonicInstant) -> Entry {
        sweepIfDue(at: now)
        let fresh = Entry(windowStart: now, penaltyUntil: now)
        if let entry = entries[AttemptLimiter.key(address)] { return entry }
        return entries.count < settings.addressesMax ? fresh : overflow ?? fresh
    }

    private mutating func keep(_ entry: Entry, of address: IPAddress) {
        let key = AttemptLimiter.key(address)
        if entries[key] != nil || entries.count < settings.addressesMax {
            entries[key] = entry
        } else {
            overflow = entry
        }
    }

    /// Forgets whoever has nothing to wait for: once the table has doubled since the last time, or is full, but not
    /// more than once a second.
    private mutating func sweepIfDue(at now: MonotonicInstant) {
        guard entries.count >= min(sweepAt, settings.addressesMax),
            sweptAt.map({ now - $0 >= .seconds(1) }) ?? true
        else { return }
        sweptAt = now
        entries = entries.filter {
            $0.value.halfOpen > 0 || $0.value.penaltyUntil > now || now - $0.value.windowStart < settings.interval
        }
        sweepAt = max(1024, entries.count * 2)
    }

    /// An IPv6 host commands a /64.
    private static func key(_ address: IPAddress) -> IPAddress {
        switch address.embeddedIPv4 ?? address {
        case .v4(let value): .v4(value)
        case .v6(let high, _): .v6(high, 0)
        }
    }
}
