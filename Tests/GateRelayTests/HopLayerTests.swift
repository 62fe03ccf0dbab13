import GateCrypto
import Testing

@testable import GateRelay

@Suite struct `Hop layer` {
    @Test(arguments: 0...Cell.depthMax, [NoiseCipher.aesGCM, .chaChaPoly])
    func `opens what the other end sealed, at every depth, both ways`(depth: Int, cipher: NoiseCipher) throws {
        let (origin, hop) = try Sample.layerPair(depth: depth, cipher: cipher)
        let body = Sample.body(depth)
        for (flag, round) in [(CellFlag.passOn, 0), (.forYou, 1), (.passOn, 2)] {
            let forward = try #require(origin.sealed(body, flag, .forward))
            let there = try #require(hop.opened(forward, .forward), "round \(round)")
            #expect(there.flag == flag)
            #expect(there.inner == body[..<origin.innerByteCount])

            let backward = try #require(hop.sealed(body, flag, .backward))
            let back = try #require(origin.opened(backward, .backward))
            #expect(back.flag == flag)
            #expect(back.inner == body[..<origin.innerByteCount])
        }
    }

    @Test(arguments: 0...Cell.depthMax)
    func `leaves the tail behind its region alone`(depth: Int) throws {
        let (origin, _) = try Sample.layerPair(depth: depth)
        let body = Sample.body()
        let sealed = try #require(origin.sealed(body, .passOn, .forward))
        #expect(origin.regionByteCount == 2043 - 17 * depth)
        #expect(sealed[origin.regionByteCount...] == body[origin.regionByteCount...])
        #expect(sealed[..<origin.regionByteCount] != body[..<origin.regionByteCount])
    }

    @Test(arguments: [0, 7, 15])
    func `refuses a flipped bit anywhere in its region, and still opens the true cell`(depth: Int) throws {
        let (origin, hop) = try Sample.layerPair(depth: depth)
        let sealed = try #require(origin.sealed(Sample.body(), .passOn, .forward))
        let opened = (0..<origin.regionByteCount).filter { position in
            var changed = sealed
            changed[position] ^= 1 << (position % 8)
            return hop.opened(changed, .forward) != nil
        }
        #expect(opened == [])
        #expect(hop.opened(sealed, .forward) != nil)
    }

    @Test func `refuses a cell that comes twice, too early or after one that was left out`() throws {
        let (origin, hop) = try Sample.layerPair(depth: 2)
        let first = try #require(origin.sealed(Sample.body(1), .passOn, .forward))
        let second = try #require(origin.sealed(Sample.body(2), .passOn, .forward))
        let third = try #require(origin.sealed(Sample.body(3), .passOn, .forward))
        #expect(hop.opened(second, .forward) == nil)
        #expect(hop.opened(first, .forward) != nil)
        #expect(hop.opened(first, .forward) == nil)
        #expect(hop.opened(third, .forward) == nil)
        #expect(hop.opened(second, .forward) != nil)
    }

    @Test func `refuses what was sealed for the other direction, depth or circuit`() throws {
        let (origin, hop) = try Sample.layerPair(depth: 4)
        let sealed = try #require(origin.sealed(Sample.body(), .passOn, .forward))
        #expect(hop.opened(sealed, .backward) == nil)
        #expect(try Sample.layer(depth: 5, seed: 7).opened(sealed, .forward) == nil)
        #expect(try Sample.layer(depth: 4, seed: 8).opened(sealed, .forward) == nil)
    }

    @Test func `ends after 2^32 cells in a direction`() throws {
        let (origin, hop) = try Sample.layerPair(depth: 0, firstCount: RelayLimits.layerCellsMax - 1)
        let last = try #require(origin.sealed(Sample.body(), .passOn, .forward))
        #expect(hop.opened(last, .forward) != nil)
        #expect(origin.sealed(Sample.body(), .passOn, .forward) == nil)
        #expect(hop.opened(last, .forward) == nil)
    }

    @Test func `refuses an unknown flag`() throws {
        let slab = try SecretSlab()
        let root = try Secret(count: 32, in: slab) { $0.initializeMemory(as: UInt8.self, repeating: 7) }
        let key = try KeyDerivation.expand(key: root, label: .cellForward, count: 32, in: slab)
        let cipher = RecordCipher(.aesGCM, key: key)
        var body = Sample.body()
        body[Cell.regionByteCount(depth: 1)] = 2
        body.withUnsafeMutableBytes {
            cipher.seal(UnsafeMutableRawBufferPointer(rebasing: $0[..<Cell.regionByteCount(depth: 0)]), counter: 0)
        }
        #expect(try Sample.layer(depth: 0, seed: 7).opened(body, .forward) == nil)
    }

    @Test func `has these bytes`() throws {
        let layer = try Sample.layer(depth: 3, seed: 0x42)
        let first = try #require(layer.sealed(Array(repeating: 0, count: Cell.bodyByteCount), .forYou, .forward))
        let second = try #require(layer.sealed(Array(repeating: 0, count: Cell.bodyByteCount), .passOn, .backward))
        #expect(Array(first[..<8]) == [113, 192, 221, 60, 108, 92, 52, 32])
        #expect(
            Array(first[1975..<1992])
                == [133, 201, 123, 191, 250, 122, 59, 6, 250, 83, 131, 233, 213, 6, 110, 155, 40])
        #expect(Array(second[..<8]) == [112, 149, 31, 172, 17, 177, 28, 47])
        #expect(
            Array(second[1975..<1992])
                == [132, 218, 223, 243, 57, 245, 157, 247, 63, 187, 9, 220, 1, 168, 165, 245, 74])
        #expect(first[1992...].allSatisfy { $0 == 0 })
    }
}
