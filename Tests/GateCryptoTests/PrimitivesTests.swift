import GateCrypto
import GateModel
import NIOCore
import Testing

@Suite struct Hashing {
    @Test func `digests are those of the standards`() throws {
        let expected: [(NoiseHash, String)] = [
            (.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                .sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
            ),
            (
                .blake2b,
                "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
                    + "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
            ),
        ]
        for (hash, digest) in expected {
            #expect(Self.digest(hash, "a", "b", "c") == (try Hex.bytes(digest)))
            #expect(Self.digest(hash, "abc", "", "") == (try Hex.bytes(digest)))
        }
    }

    @Test func `HMAC is RFC 4231's`() throws {
        let key = [UInt8](repeating: 0x0b, count: 20)
        #expect(
            Self.code(.sha256, key, "Hi There")
                == (try Hex.bytes("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")))
        #expect(
            Self.code(.sha512, key, "Hi There")
                == (try Hex.bytes(
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                        + "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854")))
    }

    @Test func `derivation is HKDF over label and context`() throws {
        let slab = try SecretSlab()
        let secret = try Secret(count: 32, in: slab) { $0.copyBytes(from: Array(1...32)) }
        let long = try KeyDerivation.expand(key: secret, label: .root, context: [1, 2], count: 100, in: slab)
        // T(1) = HMAC(key, info ‖ 1), T(2) = HMAC(key, T(1) ‖ info ‖ 2), computed here step by step.
        let info = Label.root.bytes + [1, 2]
        let first = Self.code(.sha256, Array(1...32), bytes: info + [1])
        let second = Self.code(.sha256, Array(1...32), bytes: first + info + [2])
        #expect(long.withUnsafeBytes { Array($0.prefix(64)) } == first + second)
        for (label, context) in [(Label.recordKey, [UInt8(1), 2]), (.root, [1]), (.root, [1, 2, 3])] {
            let other = try KeyDerivation.expand(key: secret, label: label, context: context, count: 100, in: slab)
            let isEqual = other.isEqual(to: long)
            #expect(!isEqual)
        }
    }

    @Test func `extraction is HMAC under the salt`() throws {
        let slab = try SecretSlab()
        let salt: [UInt8] = Array(0..<13)
        let input = [UInt8](repeating: 0x0b, count: 22)
        let key = try salt.withUnsafeBytes { salt in
            Result {
                try input.withUnsafeBytes { input in
                    Copied(try KeyDerivation.extract(salt: salt, input: input, in: slab))
                }
            }
        }.get()
        // RFC 5869, appendix A.1
        #expect(key.bytes == (try Hex.bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")))
    }

    @Test func `no label begins another and each is short enough for its length byte`() {
        let labels = Label.allCases
        #expect(Set(labels.map(\.rawValue)).count == labels.count)
        #expect(labels.allSatisfy { $0.rawValue.utf8.count < 256 && $0.bytes.count == $0.rawValue.utf8.count + 1 })
        for one in labels { for two in labels where one != two { #expect(!two.bytes.starts(with: one.bytes)) } }
    }

    private static func digest(_ hash: NoiseHash, _ pieces: String...) -> [UInt8] {
        let pieces = pieces.map { Array($0.utf8) }
        var digest = [UInt8](repeating: 0, count: hash.byteCount)
        pieces[0].withUnsafeBytes { first in
            pieces[1].withUnsafeBytes { second in
                pieces[2].withUnsafeBytes { third in
                    digest.withUnsafeMutableBytes { hash.hash(first, second, third, into: $0) }
                }
            }
        }
        return digest
    }

    private static func code(_ hash: NoiseHash, _ key: [UInt8], _ text: String) -> [UInt8] {
        code(hash, key, bytes: Array(text.utf8))
    }

    private static func code(_ hash: NoiseHash, _ key: [UInt8], bytes: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: hash.byteCount)
        key.withUnsafeBytes { key in
            bytes.withUnsafeBytes { bytes in
                code.withUnsafeMutableBytes { hash.authenticate(key: key, bytes, into: $0) }
            }
        }
        return code
    }

    private struct Copied {
        let bytes: [UInt8]

        init(_ secret: borrowing Secret) { bytes = secret.withUnsafeBytes { Array($0) } }
    }
}

@Suite struct FastRandomness {
    @Test func `a seed gives the same bytes however they are drawn`() {
        var whole = FastRandom(seed: [UInt8](repeating: 3, count: 32))
        var pieces = FastRandom(seed: [UInt8](repeating: 3, count: 32))
        let expected = whole.bytes(10_000)
        var drawn: [UInt8] = []
        for count in [1, 2, 3, 4058, 100, 5000, 836] { drawn += pieces.bytes(count) }
        #expect(drawn == expected)
    }

    @Test func `seeds and draws differ`() {
        var one = FastRandom(seed: [UInt8](repeating: 1, count: 32))
        var two = FastRandom(seed: [UInt8](repeating: 2, count: 32))
        let (first, second) = (one.bytes(32), one.bytes(32))
        #expect(first != second)
        #expect(two.bytes(32) != first)
        var (system, other) = (ByteBuffer(), ByteBuffer())
        var left = FastRandom()
        var right = FastRandom()
        left.append(32, to: &system)
        right.append(32, to: &other)
        #expect(system.readableBytes == 32 && system != other)
    }

    @Test func `numbers stay below their bound and reach all of it`() {
        var random = FastRandom(seed: [UInt8](repeating: 9, count: 32))
        var seen: [UInt64: Int] = [:]
        for _ in 0..<6000 { seen[random.below(6), default: 0] += 1 }
        #expect(Set(seen.keys) == Set(0..<6))
        #expect(seen.values.allSatisfy { (800...1200).contains($0) })
        #expect(random.below(1) == 0)
    }
}

@Suite struct FlightMasks {
    static let node = NodeUUID(UUIDBytes(high: 1, low: 2))

    @Test func `a part opens under the same seed, node, secret, direction and flight only`() throws {
        let slab = try SecretSlab()
        let key = try GuardedSecret([UInt8](repeating: 5, count: 32))
        let otherKey = try GuardedSecret([UInt8](repeating: 6, count: 32))
        let seed = [UInt8](repeating: 1, count: 32)
        let mask = try FlightMask(
            seed: seed, maskingKey: key, dialled: Self.node, direction: .toResponder, flight: 1, in: slab)
        var sealed = ByteBuffer()
        mask.seal(.header, ByteBuffer(string: "header"), into: &sealed)
        #expect(sealed.readableBytes == 6 + FlightMask.tagByteCount)
        #expect(mask.open(.header, sealed) == ByteBuffer(string: "header"))
        #expect(mask.open(.body, sealed) == nil)
        let other = NodeUUID(UUIDBytes(high: 1, low: 3))
        var otherSeed = seed
        otherSeed[31] ^= 1
        let strangers = [
            try Strange(seed: otherSeed, key: key), try Strange(seed: seed, key: otherKey),
            try Strange(seed: seed, key: nil), try Strange(seed: seed, key: key, node: other),
            try Strange(seed: seed, key: key, direction: .toInitiator), try Strange(seed: seed, key: key, flight: 2),
        ]
        for stranger in strangers { #expect(stranger.mask.open(.header, sealed) == nil) }
    }

    @Test func `any flipped bit and any cut is refused`() throws {
        let mask = try FlightMask(
            seed: [UInt8](repeating: 1, count: 32), maskingKey: nil, dialled: Self.node, direction: .toResponder,
            flight: 1, in: try SecretSlab())
        var sealed = ByteBuffer()
        mask.seal(.body, ByteBuffer(string: "a body of some length"), into: &sealed)
        let bytes = Array(sealed.readableBytesView)
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(mask.open(.body, ByteBuffer(bytes: changed)) == nil)
        }
        for count in 0..<bytes.count { #expect(mask.open(.body, ByteBuffer(bytes: bytes.prefix(count))) == nil) }
    }

    @Test func `the bytes are those of the documented derivation`() throws {
        // Golden: HMAC-SHA256 and ChaCha20-Poly1305 by Python's hmac and `cryptography`.
        let mask = try FlightMask(
            seed: Array(0..<32), maskingKey: try GuardedSecret([UInt8](repeating: 0x55, count: 32)),
            dialled: Self.node, direction: .toInitiator, flight: 2, in: try SecretSlab())
        var sealed = ByteBuffer()
        mask.seal(.body, ByteBuffer(string: "QuantumGate"), into: &sealed)
        #expect(
            Array(sealed.readableBytesView) == (try Hex.bytes("fc07485847d83259fcbbabaa9fea80f3dc9121409d08a04ef03f47"))
        )
    }

    private final class Strange {
        let mask: FlightMask

        init(
            seed: [UInt8], key: GuardedSecret?, node: NodeUUID = FlightMasks.node,
            direction: FlightMask.Direction = .toResponder, flight: UInt8 = 1
        ) throws {
            mask = try FlightMask(
                seed: seed, maskingKey: key, dialled: node, direction: direction, flight: flight, in: try SecretSlab())
        }
    }
}
