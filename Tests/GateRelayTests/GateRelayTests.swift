import GateCrypto
import NIOCore

@testable import GateRelay

/// Layers and cells that several suites use.
enum Sample {
    /// The two ends of a layer: equal keys, counters of their own.
    static func layerPair(
        depth: Int, seed: UInt8 = 7, cipher: NoiseCipher = .aesGCM, firstCount: UInt64 = 0
    ) throws -> (origin: HopLayer, hop: HopLayer) {
        (
            try layer(depth: depth, seed: seed, cipher: cipher, firstCount: firstCount),
            try layer(depth: depth, seed: seed, cipher: cipher, firstCount: firstCount)
        )
    }

    static func layer(
        depth: Int, seed: UInt8, cipher: NoiseCipher = .aesGCM, firstCount: UInt64 = 0
    ) throws -> HopLayer {
        let slab = try SecretSlab()
        let root = try Secret(count: 32, in: slab) { $0.initializeMemory(as: UInt8.self, repeating: seed) }
        return try HopLayer(root: root, cipher: cipher, depth: depth, in: slab, firstCount: firstCount)
    }

    /// A body whose bytes all differ from their neighbours'.
    static func body(_ seed: Int = 0) -> [UInt8] {
        (0..<Cell.bodyByteCount).map { UInt8(truncatingIfNeeded: ($0 + seed) &* 31) }
    }

    static func random(_ seed: UInt8 = 1) -> FastRandom { FastRandom(seed: Array(repeating: seed, count: 32)) }
}

extension HopLayer {
    /// Seals the region of a body and gives the body back; `nil` once the layer is used up.
    func sealed(_ body: [UInt8], _ flag: CellFlag, _ direction: Direction) -> [UInt8]? {
        var body = body
        let isSealed = body.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { seal($0, flag, direction) } ?? false
        }
        return isSealed ? body : nil
    }

    /// Opens the region of a body: the flag and the inner region.
    func opened(_ body: [UInt8], _ direction: Direction) -> (flag: CellFlag, inner: ArraySlice<UInt8>)? {
        var target = body
        let flag = body.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target -> CellFlag? in
                guard let from = source.baseAddress, let to = target.baseAddress else { return nil }
                return open(from, into: to, direction)
            }
        }
        return flag.map { ($0, target[..<innerByteCount]) }
    }
}
