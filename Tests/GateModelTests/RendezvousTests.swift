import GateModel
import Testing

@Suite struct RendezvousTests {
    private static let places = (1...5).map { Rendezvous.number(of: "kernel-\($0)".utf8) }

    private static func choice(of key: UInt64, among places: [UInt64]) -> UInt64? {
        places.max { Rendezvous.weight(of: $0, for: key) < Rendezvous.weight(of: $1, for: key) }
    }

    @Test func `keys spread over places`() {
        let chosen = (0..<10_000 as Range<UInt64>).map { Self.choice(of: $0, among: Self.places) }
        for place in Self.places {
            let count = chosen.count { $0 == place }
            #expect((1_700...2_300).contains(count), "a fifth, give or take")
        }
    }

    @Test func `when a place goes its keys alone move, wherever and in whatever order it is asked`() {
        let rest = Array(Self.places.dropLast().reversed())
        for key in 0..<1_000 as Range<UInt64> {
            let before = Self.choice(of: key, among: Self.places)
            if before != Self.places.last { #expect(Self.choice(of: key, among: rest) == before) }
        }
    }

    @Test func `a name's number is FNV-1a of its bytes`() {
        #expect(Rendezvous.number(of: []) == 0xcbf2_9ce4_8422_2325)
        #expect(Rendezvous.number(of: "foobar".utf8) == 0x8594_4171_f739_67e8)
    }
}
