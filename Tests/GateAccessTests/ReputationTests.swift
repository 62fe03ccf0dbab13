import GateModel
import GateTestKit
import Testing

@testable import GateAccess

@Suite struct Reputations {
    private let start = UnixTime(seconds: 2_000_000_000)
    private let policy = ReputationPolicy()

    @Test func `begin at the top and stay there`() {
        let reputation = Reputation(at: start)
        #expect(reputation.score(at: start, policy) == 100)
        #expect(reputation.score(at: start + 1_000_000, policy) == 100)
        #expect(reputation.acceptableAt(policy) == start)
        #expect(reputation.forgivenAt(policy) == start)
    }

    @Test func `fall by what faults cost and recover by 20 in 600 s`() {
        var reputation = Reputation(at: start)
        for fault in [ReputationFault.minor, .moderate] {
            reputation.charge(policy.points(of: fault), at: start, policy)
        }
        #expect(reputation.score(at: start, policy) == 30)
        #expect(reputation.score(at: start + 29, policy) == 30)
        #expect(reputation.score(at: start + 30, policy) == 31)
        #expect(reputation.score(at: start + 600, policy) == 50)
        #expect(reputation.score(at: start + 2100, policy) == 100)
        #expect(reputation.forgivenAt(policy) == start + 2100)
    }

    @Test func `are used up by one severe fault, and acceptable again at the moment that is told`() {
        var reputation = Reputation(at: start)
        reputation.charge(policy.severe, at: start, policy)
        let moment = reputation.acceptableAt(policy)
        #expect(moment == start + 3030)
        #expect(reputation.score(at: moment + -1, policy) == 0)
        #expect(reputation.score(at: moment, policy) == 1)
    }

    @Test func `lose no second of recovery to charges`() {
        var often = Reputation(at: start)
        var once = Reputation(at: start)
        once.charge(3000, at: start, policy)
        often.charge(3000, at: start, policy)
        for second in 1...1000 as ClosedRange<Int64> { often.charge(0, at: start + second, policy) }
        #expect(often.score(at: start + 1000, policy) == once.score(at: start + 1000, policy))
        #expect(often.score(at: start + 1010, policy) == once.score(at: start + 1010, policy))
    }

    @Test func `lose nothing to a clock that goes back`() {
        var reputation = Reputation(at: start)
        reputation.charge(50, at: start, policy)
        #expect(reputation.score(at: start + -100_000, policy) == 50)
        reputation.charge(10, at: start + -100_000, policy)
        #expect(reputation.score(at: start, policy) == 40)
    }

    @Test func `are taken into their range however they were stored`() {
        #expect(Reputation(storedScore: .max, countedAt: start).storedScore == 100)
        #expect(Reputation(storedScore: .min, countedAt: start).storedScore == -3000)
        let oldest = Reputation(storedScore: -3000, countedAt: UnixTime(seconds: -1 << 40))
        #expect(oldest.score(at: UnixTime(seconds: 1 << 40), policy) == 100)
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func `do not depend on the order of charges of one moment, and stay within their range`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var policy = ReputationPolicy()
        policy.recovery = Int.random(in: 1...3000, using: &random)
        var one = Reputation(at: start)
        var other = one
        var now = start
        for _ in 0..<50 {
            now = now + Int64.random(in: -10...5000, using: &random)
            let charges = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                Int.random(in: 0...1500, using: &random)
            }
            for points in charges { one.charge(points, at: now, policy) }
            for points in charges.shuffled(using: &random) { other.charge(points, at: now, policy) }
            #expect(one == other)
            let score = one.score(at: now, policy)
            #expect((Reputation.worst...Reputation.start).contains(score))
            #expect(one.score(at: now + 60, policy) >= score)
            #expect(one.score(at: one.acceptableAt(policy), policy) > 0)
            #expect(one.score(at: one.forgivenAt(policy), policy) == Reputation.start)
        }
    }
}

@Suite struct ListsOfBans {
    private let node = NodeUUID(UUIDBytes(high: 1, low: 1))
    private let now = UnixTime(seconds: 1000)

    private func term(_ until: Int64?, isEarned: Bool = false) -> BanList.Term {
        BanList.Term(until: until.map { UnixTime(seconds: $0) }, isEarned: isEarned)
    }

    @Test func `hold until their end, or until lifted`() {
        var list = BanList()
        list.set(.node(node), term(1010), at: now)
        #expect(list.bans(node, at: now + 9, countingEarned: false))
        #expect(!list.bans(node, at: now + 10, countingEarned: false))
        list.set(.node(node), term(nil), at: now)
        #expect(list.bans(node, at: now + 1_000_000, countingEarned: false))
        list.lift(.node(node))
        #expect(!list.bans(node, at: now, countingEarned: true))
        #expect(list.count == 0)
    }

    @Test func `count earned bans only where asked to`() {
        var list = BanList()
        list.set(.node(node), term(1010, isEarned: true), at: now)
        #expect(list.bans(node, at: now, countingEarned: true))
        #expect(!list.bans(node, at: now, countingEarned: false))
    }

    @Test func `of blocks hold for every address in them, also in IPv6 clothing`() throws {
        var list = BanList()
        for text in ["198.51.100.0/24", "203.0.113.7", "2001:db8::/32", "10.0.0.0/8"] {
            list.set(.block(try #require(AddressBlock(text: text))), term(nil), at: now)
        }
        for text in ["198.51.100.9", "203.0.113.7", "2001:db8:9::1", "10.255.0.1", "::ffff:198.51.100.9"] {
            #expect(list.bans(try #require(IPAddress(text: text)), at: now, countingEarned: false), "\(text)")
        }
        for text in ["198.51.101.9", "203.0.113.8", "2001:db9::1", "::ffff:203.0.113.8"] {
            #expect(!list.bans(try #require(IPAddress(text: text)), at: now, countingEarned: false), "\(text)")
        }
        list.lift(.block(try #require(AddressBlock(text: "198.51.100.0/24"))))
        #expect(!list.bans(.v4(0xc633_6409), at: now, countingEarned: false))
    }

    @Test func `forget those that have ended when they grow`() {
        var list = BanList()
        for number in 0..<5000 as Range<UInt64> {
            let node = NodeUUID(UUIDBytes(high: 2, low: number))
            list.set(.node(node), term(1001), at: now + Int64(number))
            list.set(.block(AddressBlock(around: .v4(UInt32(number)), length: 32)), term(1001), at: now + Int64(number))
        }
        #expect(list.count < 2048)
    }
}

@Suite struct LimitsOfSubnets {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text: text)) }

    @Test(arguments: [
        ("198.51.100.1", "198.51.100.255", "198.51.101.1"), ("2001:db8:1::1", "2001:db8:1:ffff::9", "2001:db8:2::1"),
        ("::ffff:198.51.100.1", "198.51.100.9", "198.51.101.1"),
    ])
    func `bound a network and no other`(first: String, same: String, other: String) throws {
        var limiter = SubnetLimiter()
        limiter.ipv4Maximum = 2
        limiter.ipv6Maximum = 2
        for _ in 0..<2 {
            #expect(try !limiter.isFull(address(same)))
            limiter.entered(try address(first))
        }
        #expect(try limiter.isFull(address(same)))
        #expect(try !limiter.isFull(address(other)))
        limiter.left(try address(same))
        #expect(try !limiter.isFull(address(first)))
    }

    @Test func `are none at 0, and for this machine's own addresses`() throws {
        var limiter = SubnetLimiter()
        for _ in 0..<5000 { limiter.entered(.v4(0xc633_6401)) }
        #expect(!limiter.isFull(.v4(0xc633_6401)))
        limiter.ipv4Maximum = 1
        limiter.entered(.v4(0x7f00_0001))
        #expect(!limiter.isFull(.v4(0x7f00_0001)))
    }

    @Test func `remember nobody who has left`() {
        var limiter = SubnetLimiter()
        for number in 0..<1000 as Range<UInt32> { limiter.entered(.v4(number << 8)) }
        for number in 0..<1000 as Range<UInt32> { limiter.left(.v4(number << 8)) }
        limiter.left(.v4(1))
        #expect(limiter.networkCount == 0)
    }
}
