import Crypto
import GateCrypto
import GateTestKit
import Testing

@Suite struct RecordCipherTests {
    let slab: SecretSlab
    private let associated: [UInt8] = [1, 2]

    init() throws { slab = try SecretSlab() }

    private func cipher(_ algorithm: NoiseCipher, _ key: [UInt8]) throws -> RecordCipher {
        let secret = try Secret(count: 32, in: slab) { $0.copyBytes(from: key) }
        return RecordCipher(algorithm, key: secret)
    }

    private func seal(_ cipher: borrowing RecordCipher, _ plaintext: [UInt8], _ counter: UInt64) -> [UInt8] {
        var record = plaintext + [UInt8](repeating: 0, count: 16)
        record.withUnsafeMutableBytes { record in
            associated.withUnsafeBytes { cipher.seal(record, counter: counter, associated: $0) }
        }
        return record
    }

    private func open(_ cipher: borrowing RecordCipher, _ sealed: [UInt8], _ counter: UInt64) -> [UInt8]? {
        var plaintext = [UInt8](repeating: 0, count: max(sealed.count - 16, 0))
        let isOpen = plaintext.withUnsafeMutableBytes { plaintext in
            sealed.withUnsafeBytes { sealed in
                associated.withUnsafeBytes { cipher.open(sealed, counter: counter, associated: $0, into: plaintext) }
            }
        }
        return isOpen ? plaintext : nil
    }

    /// McGrew and Viega, The Galois/Counter Mode of Operation, test case 14.
    @Test func `AES-256-GCM seals as published`() throws {
        let cipher = try cipher(.aesGCM, [UInt8](repeating: 0, count: 32))
        var record = [UInt8](repeating: 0, count: 32)
        record.withUnsafeMutableBytes { cipher.seal($0, counter: 0, associated: noBytes) }
        #expect(
            record == [
                0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
                0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19,
            ])
    }

    /// swift-crypto's own interface as the judge: other code for lengths, tags and nonces over the same primitives.
    private func expected(_ algorithm: NoiseCipher, key: [UInt8], _ plaintext: [UInt8], _ counter: UInt64) throws
        -> [UInt8]
    {
        let key = SymmetricKey(data: key)
        switch algorithm {
        case .aesGCM:
            let nonce = try AES.GCM.Nonce(data: [0, 0, 0, 0] + withUnsafeBytes(of: counter.bigEndian, Array.init))
            let box = try AES.GCM.seal(plaintext, using: key, nonce: nonce, authenticating: associated)
            return Array(box.ciphertext + box.tag)
        case .chaChaPoly:
            let nonce = try ChaChaPoly.Nonce(
                data: [0, 0, 0, 0] + withUnsafeBytes(of: counter.littleEndian, Array.init))
            let box = try ChaChaPoly.seal(plaintext, using: key, nonce: nonce, authenticating: associated)
            return Array(box.ciphertext + box.tag)
        }
    }

    @Test(arguments: NoiseCipher.allCases, [0, 1, 15, 16, 17, 64, 255, 256, 1024, 2032, 16_384, 65_519])
    func `records are the same as by swift-crypto's interface`(_ algorithm: NoiseCipher, _ count: Int) throws {
        var random = SeededRandom(seed: UInt64(count))
        let (key, plaintext) = (random.bytes(32), random.bytes(count))
        let counter = UInt64(0x0102_0304_0506_0708)
        let cipher = try cipher(algorithm, key)

        let sealed = seal(cipher, plaintext, counter)

        #expect(try sealed == expected(algorithm, key: key, plaintext, counter))
        #expect(open(cipher, sealed, counter) == plaintext)
    }

    @Test(arguments: NoiseCipher.allCases, [1, 2027, 65_519]) func `a record opens where it lies`(
        _ algorithm: NoiseCipher, _ count: Int
    ) throws {
        let cipher = try cipher(algorithm, [UInt8](repeating: 7, count: 32))
        let plaintext = [UInt8](repeating: 1, count: count)
        var record = seal(cipher, plaintext, 5)
        let isOpen = record.withUnsafeMutableBytes { bytes in
            associated.withUnsafeBytes {
                cipher.open(
                    UnsafeRawBufferPointer(bytes), counter: 5, associated: $0,
                    into: UnsafeMutableRawBufferPointer(rebasing: bytes[..<count]))
            }
        }
        #expect(isOpen)
        #expect(Array(record[..<count]) == plaintext)
    }

    @Test(arguments: NoiseCipher.allCases, [40, 4000]) func `no changed record opens`(
        _ algorithm: NoiseCipher, _ count: Int
    ) throws {
        let cipher = try cipher(algorithm, [UInt8](repeating: 7, count: 32))
        let sealed = seal(cipher, [UInt8](repeating: 1, count: count), 5)

        for bit in stride(from: 0, to: sealed.count * 8, by: count > 100 ? 97 : 1) {
            var changed = sealed
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(open(cipher, changed, 5) == nil)
        }
        #expect(open(cipher, sealed, 6) == nil)
        #expect(open(cipher, Array(sealed.dropLast()), 5) == nil)
        #expect(open(cipher, Array(sealed.prefix(15)), 5) == nil)
    }

    /// Aumasson and Bernstein, SipHash, reference vectors: key 00…0f, input 00…07.
    @Test func `the length mask is SipHash-2-4 as published`() throws {
        let key = try Secret(count: 16, in: slab) { $0.copyBytes(from: 0..<16) }
        let mask = RecordLengthMask(key: key)
        #expect(mask.mask(counter: 0x0706_0504_0302_0100) == 0x6224)
    }
}
