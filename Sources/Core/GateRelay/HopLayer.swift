package import GateCrypto

/// The keys and counters that the origin and one hop share: one AEAD per direction.
///
/// Keys are HKDF-Expand(root secret of the hop handshake, "QuantumGate cell forward v1" or "… backward v1"), 32 bytes
/// each. Nonces are counters per direction that only rise on success, so a cell that is changed, repeated, left out or
/// out of order doesn't open. After 2³² cells in a direction nothing opens or is sealed any more.
///
/// The same object serves either end: the hop opens forward and seals backward, the origin does the reverse. Belongs to
/// one event loop.
package final class HopLayer {
    /// Which way cells go.
    package enum Direction { case forward, backward }

    /// How many layers lie around this hop's region, counting the origin's random start.
    package let depth: Int

    private let forwardCipher: RecordCipher
    private let backwardCipher: RecordCipher
    private var forwardCount: UInt64
    private var backwardCount: UInt64

    /// Derives both keys from the root secret. `depth` is 0 to 15. `firstCount` is for tests of the bound.
    package init(
        root: borrowing Secret, cipher: NoiseCipher, depth: Int, in slab: SecretSlab, firstCount: UInt64 = 0
    ) throws(SecretMemoryFailure) {
        precondition((0...Cell.depthMax).contains(depth), "a hop's depth is 0 to 15")
        self.depth = depth
        let forward = try KeyDerivation.expand(
            key: root, label: .cellForward, count: NoiseCipher.keyByteCount, in: slab)
        forwardCipher = RecordCipher(cipher, key: forward)
        let backward = try KeyDerivation.expand(
            key: root, label: .cellBackward, count: NoiseCipher.keyByteCount, in: slab)
        backwardCipher = RecordCipher(cipher, key: backward)
        forwardCount = firstCount
        backwardCount = firstCount
    }

    /// Bytes that this hop opens or seals, tag included.
    package var regionByteCount: Int { Cell.regionByteCount(depth: depth) }
    /// Bytes of the region inside.
    package var innerByteCount: Int { Cell.regionByteCount(depth: depth + 1) }

    /// Seals the region at the start of `body` in place: the inner region must already be there.
    /// `false` once the layer's cells are used up.
    package func seal(_ body: UnsafeMutableRawPointer, _ flag: CellFlag, _ direction: Direction) -> Bool {
        body.storeBytes(of: flag.rawValue, toByteOffset: innerByteCount, as: UInt8.self)
        let region = UnsafeMutableRawBufferPointer(start: body, count: regionByteCount)
        switch direction {
        case .forward:
            guard forwardCount < RelayLimits.layerCellsMax else { return false }
            forwardCipher.seal(region, counter: forwardCount)
            forwardCount += 1
        case .backward:
            guard backwardCount < RelayLimits.layerCellsMax else { return false }
            backwardCipher.seal(region, counter: backwardCount)
            backwardCount += 1
        }
        return true
    }

    /// Opens the region at the start of `source` into `target`, which may be the same memory.
    /// `nil` where it does not open, the flag is unknown, or the layer's cells are used up: the circuit must end.
    package func open(
        _ source: UnsafeRawPointer, into target: UnsafeMutableRawPointer, _ direction: Direction
    ) -> CellFlag? {
        let region = UnsafeRawBufferPointer(start: source, count: regionByteCount)
        let plaintext = UnsafeMutableRawBufferPointer(
            start: target, count: regionByteCount - RecordCipher.tagBytes)
        switch direction {
        case .forward:
            guard forwardCount < RelayLimits.layerCellsMax,
                forwardCipher.open(region, counter: forwardCount, into: plaintext)
            else { return nil }
            forwardCount += 1
        case .backward:
            guard backwardCount < RelayLimits.layerCellsMax,
                backwardCipher.open(region, counter: backwardCount, into: plaintext)
            else { return nil }
            backwardCount += 1
        }
        return CellFlag(rawValue: target.load(fromByteOffset: innerByteCount, as: UInt8.self))
    }
}
