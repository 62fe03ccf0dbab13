package import GateModel
package import NIOCore

/// Hides one handshake flight from whoever knows neither the node dialled nor the global shared secret.
///
/// key of a part = HKDF-SHA256(salt: seed, input: masking key or nothing ‖ UUID dialled,
/// info: label ‖ direction ‖ flight ‖ part), cipher ChaCha20-Poly1305 with nonce zero: each key seals one text, since
/// the seed is fresh for every flight. Everything is bound to the seed, so nothing is associated.
///
/// Obfuscation and a cheap doorkeeper, not secrecy: UUIDs are public in an open network.
package struct FlightMask: ~Copyable {
    /// Which way the flight goes; part of the key.
    package enum Direction: UInt8, Sendable {
        case toResponder = 1
        case toInitiator = 2
    }

    /// Which part of the flight is sealed; part of the key.
    package enum Part: UInt8, Sendable {
        case header = 1
        case body = 2
    }

    package static let seedByteCount = 32
    /// What sealing adds to a part.
    package static let tagByteCount = NoiseCipher.tagByteCount

    private let root: Secret
    private let direction: Direction
    private let flight: UInt8

    /// The mask of flight number `flight` of one direction; `seed` is the flight's own, sent in clear before it.
    /// `maskingKey` is `SharedSecret.maskingKey` where the network has one.
    package init(
        seed: [UInt8], maskingKey: GuardedSecret?, dialled: NodeUUID, direction: Direction, flight: UInt8,
        in slab: SecretSlab
    ) throws(SecretMemoryFailure) {
        precondition(seed.count == FlightMask.seedByteCount, "a seed has 32 bytes")
        let node = dialled.value.bytes
        self.direction = direction
        self.flight = flight
        self.root = try Secret(count: NoiseHash.sha256.byteCount, in: slab) { root in
            seed.withUnsafeBytes { seed in
                node.withUnsafeBytes { node in
                    guard let maskingKey else { return NoiseHash.sha256.authenticate(key: seed, node, into: root) }
                    maskingKey.withUnsafeBytes { NoiseHash.sha256.authenticate(key: seed, $0, node, into: root) }
                }
            }
        }
    }

    /// Appends a part, sealed.
    package borrowing func seal(_ part: Part, _ plaintext: ByteBuffer, into output: inout ByteBuffer) {
        let count = plaintext.readableBytes + FlightMask.tagByteCount
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let written = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            plaintext.withUnsafeReadableBytes { plaintext in
                withKey(of: part) {
                    NoiseCipher.chaChaPoly.seal(plaintext, key: $0, counter: 0, associated: noBytes, into: written)
                }
            }
            return count
        }
    }

    /// Opens a part; `nil` where another seed, node, secret, direction, flight or part sealed it, or bytes changed.
    package borrowing func open(_ part: Part, _ sealed: ByteBuffer) -> ByteBuffer? {
        let count = sealed.readableBytes - FlightMask.tagByteCount
        guard count >= 0 else { return nil }
        var opened = ByteBuffer()
        var isOpen = false
        opened.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let output = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            sealed.withUnsafeReadableBytes { sealed in
                isOpen = withKey(of: part) {
                    NoiseCipher.chaChaPoly.open(sealed, key: $0, counter: 0, associated: noBytes, into: output)
                }
            }
            return isOpen ? count : 0
        }
        return isOpen ? opened : nil
    }

    private borrowing func withKey<Result>(of part: Part, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let info = Label.flight.bytes + [direction.rawValue, flight, part.rawValue]
        return withUnsafeTemporaryAllocation(byteCount: NoiseCipher.keyByteCount, alignment: 16) { key in
            defer { Sodium.wipe(key) }
            root.withUnsafeBytes { root in
                info.withUnsafeBytes { KeyDerivation.expand(.sha256, key: root, info: $0, into: key) }
            }
            return body(UnsafeRawBufferPointer(key))
        }
    }
}
