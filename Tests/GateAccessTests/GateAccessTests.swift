import GateModel
import Testing

@testable import GateAccess

@Suite struct `Access rules` {
    private let friend = NodeUUID(UUIDBytes(high: 1, low: 1))
    private let stranger = NodeUUID(UUIDBytes(high: 2, low: 2))

    @Test(arguments: [AccessPurpose.session, .hop, .endToEnd])
    func `let nobody in by default`(purpose: AccessPurpose) {
        let rules = AccessRules()
        #expect(throws: AccessRefusal.self) { try rules.judge(friend, for: purpose) }
        #expect(throws: AccessRefusal.self) { try rules.judge(nil, for: purpose) }
    }

    @Test func `let an allowed node do everything`() throws {
        var rules = AccessRules()
        rules.allowed = [friend]
        #expect(try rules.judge(friend, for: .session) == .full)
        #expect(try rules.judge(friend, for: .endToEnd) == .full)
        #expect(throws: AccessRefusal.unknownNode) { try rules.judge(stranger, for: .session) }
        #expect(throws: AccessRefusal.unknownNode) { try rules.judge(stranger, for: .endToEnd) }
    }

    @Test func `refuse a denied node whatever else is said`() {
        var rules = AccessRules()
        rules.allowed = [friend]
        rules.denied = [friend]
        rules.relays = true
        for purpose in [AccessPurpose.session, .hop, .endToEnd] {
            #expect(throws: AccessRefusal.deniedNode) { try rules.judge(friend, for: purpose) }
        }
    }

    @Test func `let strangers relay through us, and no more, where we relay`() throws {
        var rules = AccessRules()
        rules.relays = true
        #expect(try rules.judge(stranger, for: .session) == .circuitsOnly)
        #expect(try rules.judge(nil, for: .hop) == .circuitsOnly)
        #expect(throws: AccessRefusal.anonymous) { try rules.judge(nil, for: .session) }
        #expect(throws: AccessRefusal.unknownNode) { try rules.judge(stranger, for: .endToEnd) }
        rules.acceptsAnonymousSessions = true
        #expect(try rules.judge(nil, for: .session) == .circuitsOnly)
    }

    @Test func `let anonymous initiators in end to end only where that is accepted`() throws {
        var rules = AccessRules()
        #expect(throws: AccessRefusal.anonymous) { try rules.judge(nil, for: .endToEnd) }
        rules.acceptsAnonymousEndToEnd = true
        #expect(try rules.judge(nil, for: .endToEnd) == .full)
        #expect(throws: AccessRefusal.anonymous) { try rules.judge(nil, for: .session) }
    }
}

@Suite struct `Attempt limiter` {
    private let start = MonotonicInstant(nanoseconds: 0)
    private let address = IPAddress.v4(0xc633_6401)

    @Test func `charges from the third connection in ten seconds on`() {
        var limiter = AttemptLimiter(settings: AttemptSettings())
        var verdicts: [AttemptLimiter.Verdict] = []
        for _ in 0..<11 { verdicts.append(limiter.attempted(from: address, at: start)) }
        // Two are free, the next seven cost two seconds each; from above fifteen seconds on none is taken.
        #expect(verdicts.prefix(9).allSatisfy { $0 == .accepted })
        #expect(verdicts[9] == .penalized(until: start + .seconds(16)))
        #expect(verdicts[10] == .penalized(until: start + .seconds(18)))
        let later = limiter.attempted(from: address, at: start + .seconds(30))
        #expect(later == .accepted)
    }

    @Test func `leaves other addresses alone, but takes an IPv6 network for one host`() {
        var limiter = AttemptLimiter(settings: AttemptSettings())
        let host = IPAddress.v6(0x2001_0db8_0001_0002, 7)
        for _ in 0..<4 { limiter.charged(host, .unintelligible, at: start) }
        let neighbour = limiter.attempted(from: .v6(0x2001_0db8_0001_0002, 8), at: start)
        let other = limiter.attempted(from: .v6(0x2001_0db8_0001_0003, 7), at: start)
        #expect(neighbour == .penalized(until: start + .seconds(20)))
        #expect(other == .accepted)
    }

    @Test func `never makes an address wait longer than the greatest penalty`() {
        var limiter = AttemptLimiter(settings: AttemptSettings())
        for _ in 0..<1000 { limiter.charged(address, .timeout, at: start) }
        let verdict = limiter.attempted(from: address, at: start)
        #expect(verdict == .penalized(until: start + .seconds(600)))
    }

    @Test func `bounds handshakes under way, per address and in all`() {
        var settings = AttemptSettings()
        settings.freeAttempts = 100
        settings.halfOpenPerAddress = 2
        settings.halfOpenTotal = 3
        var limiter = AttemptLimiter(settings: settings)
        let other = IPAddress.v4(0xc633_6402)
        var verdicts: [AttemptLimiter.Verdict] = []
        for from in [address, address, address, other, other] {
            verdicts.append(limiter.attempted(from: from, at: start))
        }
        #expect(verdicts == [.accepted, .accepted, .crowded, .accepted, .crowded])
        limiter.ended(address)
        let again = limiter.attempted(from: other, at: start)
        #expect(again == .accepted)
        #expect(limiter.halfOpenCount == 3)
    }

    @Test func `remembers a bounded number of addresses and forgets those with nothing to wait for`() {
        var settings = AttemptSettings()
        settings.addressesMax = 2000
        var limiter = AttemptLimiter(settings: settings)
        for host in 0..<5000 { limiter.charged(.v4(0x0b00_0000 + UInt32(host)), .record, at: start) }
        #expect(limiter.addressCount == 2000)
        let shared = limiter.attempted(from: .v4(0x0c00_0000), at: start)
        #expect(shared == .penalized(until: start + .seconds(600)))
        limiter.charged(address, .record, at: start + .seconds(700))
        #expect(limiter.addressCount == 1)
    }

    @Test func `never limits this machine itself unless told to`() {
        var limiter = AttemptLimiter(settings: AttemptSettings())
        for _ in 0..<100 { limiter.charged(.v4(0x7f00_0001), .timeout, at: start) }
        let exempt = limiter.attempted(from: .v4(0x7f00_0001), at: start)
        #expect(exempt == .accepted)
        limiter.ended(.v4(0x7f00_0001))
        #expect(limiter.halfOpenCount == 0)
    }
}

@Suite struct `Address filter` {
    private func filter(_ blocks: (IPAddress, Int, Bool)...) -> AddressFilter {
        var filter = AddressFilter()
        for (prefix, length, isAllowed) in blocks { filter.insert(prefix, length: length, isAllowed: isAllowed) }
        return filter
    }

    @Test func `lets everybody in while it has no block`() {
        #expect(AddressFilter().allows(.v4(1)))
        #expect(AddressFilter().allows(.v6(1, 1)))
    }

    @Test func `goes by the longest block that contains an address`() {
        let filter = filter((.v4(0), 0, false), (.v4(0x0a00_0000), 8, true), (.v4(0x0a01_0000), 16, false))
        #expect(!filter.allows(.v4(0x0b00_0001)))
        #expect(filter.allows(.v4(0x0a02_0001)))
        #expect(!filter.allows(.v4(0x0a01_ffff)))
        #expect(filter.allows(.v6(0x2001 << 48, 1)))
    }

    @Test(arguments: [0, 1, 47, 48, 63, 64, 65, 127, 128])
    func `ends a block at its last bit`(length: Int) {
        let inside = IPAddress.v6(0x2001_0db8_0001_0002, 0x0003_0004_0005_0006)
        let filter = filter((inside, length, false))
        #expect(!filter.allows(inside))
        guard case .v6(let high, let low) = inside, length > 0 else { return }
        let bit = UInt64(1) << UInt64((128 - length) % 64)
        let outside = length <= 64 ? IPAddress.v6(high ^ bit, low) : .v6(high, low ^ bit)
        #expect(filter.allows(outside))
    }

    @Test func `takes an IPv4 address in IPv6 clothing for what it is`() {
        let filter = filter((.v4(0xc633_6400), 24, false))
        #expect(!filter.allows(.v6(0, 0xffff_c633_6401)))
        #expect(!filter.allows(.v6(0x2002_c633_6401_0000, 5)))
        #expect(filter.allows(.v6(0, 0xffff_c633_6501)))
    }
}
