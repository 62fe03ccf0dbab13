import GateWire
import Testing

@Suite struct PeerVersionsTests {
    @Test func `one byte has the lowest version in its high half and the highest in its low half`() {
        #expect(PeerVersions(1, 2).encoded == 0x12)
        #expect(PeerVersions(encoded: 0x3f) == PeerVersions(3, 15))
        for byte in UInt8.min...UInt8.max {
            let isRange = byte >> 4 >= 1 && byte & 15 >= byte >> 4
            #expect((PeerVersions(encoded: byte) != nil) == isRange)
            #expect(PeerVersions(encoded: byte).map(\.encoded) == (isRange ? byte : nil))
        }
    }

    @Test func `the highest common version is the highest of the older one, if there is any`() {
        #expect(PeerVersions(1, 2).highestCommon(with: PeerVersions(2, 5)) == 2)
        #expect(PeerVersions(2, 5).highestCommon(with: PeerVersions(1, 3)) == 3)
        #expect(PeerVersions(1, 2).highestCommon(with: PeerVersions(3, 4)) == nil)
    }

    @Test func `a node may be held to an older version, never below the lowest`() {
        #expect(PeerVersions(1, 2).upTo(1) == PeerVersions(only: 1))
        #expect(PeerVersions(1, 2).upTo(9) == PeerVersions(1, 2))
        #expect(PeerVersions(2, 3).upTo(1) == PeerVersions(only: 2))
        #expect(PeerVersions.spoken.lowest + 1 == PeerVersions.spoken.highest, "two adjacent versions are spoken")
    }
}
