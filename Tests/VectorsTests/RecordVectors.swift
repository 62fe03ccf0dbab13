import GateCrypto
import GateModel
import GateWire
import NIOCore
import Testing

@testable import GateSession

/// Keys, nonces, masks of lengths and padding of records (articles Sessions, CoverTraffic).
@Suite struct RecordVectors {
    @Test func `records are what is committed`() throws {
        try VectorFile(name: "records").check([
            "records": .list(try directions()), "nonces": .list(try nonces()), "masks": .list(try masks()),
            "padme": .list([0, 1, 2, 3, 8, 9, 17, 100, 1000, 1025, 4097, 30_000, 65_000].map(padme)),
        ])
    }

    /// Each policy, with the number that a range drew.
    private static let policies: [(PaddingPolicy, Json, drawn: Int)] = [
        (.none, ["policy": "none"], 0), (.range(3...64), ["policy": "range", "minimum": 3, "maximum": 64], 21),
        (.padme, ["policy": "padme"], 0), (.fixed(512), ["policy": "fixed", "size": 512], 0),
    ]

    private func directions() throws -> [Json] {
        var all: [Json] = []
        for suite in NoiseSuite.inVectors {
            for (direction, epoch) in [(RecordDirection.initiatorToResponder, UInt32(0)), (.responderToInitiator, 7)] {
                all.append(try records(suite, direction, epoch))
            }
        }
        return all
    }

    private func records(_ suite: NoiseSuite, _ direction: RecordDirection, _ epoch: UInt32) throws -> Json {
        let slab = try SecretSlab()
        let root = pattern(suite.hash.byteCount, from: 0x80)
        let context =
            suite.numbers + [direction.rawValue] + withUnsafeBytes(of: epoch.bigEndian) { Array($0) }
        func key(_ label: Label, _ count: Int) throws -> Json {
            let key = try KeyDerivation.expand(
                suite.hash, key: secret(root, in: slab), label: label, context: context, count: count, in: slab)
            return .hex(key.bytes())
        }
        var sealer = RecordSealer(
            try RecordKeys(
                root: secret(root, in: slab), suite: suite, direction: direction, epoch: epoch, slab: slab))
        var sealed: [Json] = []
        for (policy, words, drawn) in Self.policies {
            for count in [0, 5, 300] {
                let plaintext = content(count)
                let padding = policy.amount(for: plaintext.readableBytes, reserved: drawn)
                var record = ByteBuffer()
                let start = sealer.begin(&record)
                record.writeImmutableBuffer(plaintext)
                record.writeRepeatingByte(0, count: padding)
                sealer.finish(&record, start: start)
                sealed.append([
                    "padding": words, "drawn": .number(drawn), "content": plaintext.json,
                    "padding_bytes": .number(padding), "record": record.json,
                ])
            }
        }
        return [
            "suite": suite.json, "direction": .number(Int(direction.rawValue)), "epoch": .number(Int(epoch)),
            "root": .hex(root), "record_key": try key(.recordKey, 32), "length_key": try key(.lengthKey, 16),
            "records": .list(sealed),
        ]
    }

    /// Bytes of a stream; no message at all for 0.
    private func content(_ count: Int) -> ByteBuffer {
        var plaintext = ByteBuffer()
        if count > 0 {
            MessageCodec.encode(
                .streamData(alias: 3, ByteBuffer(bytes: pattern(count, from: 1))), into: &plaintext)
        }
        return plaintext
    }

    private static let counters: [UInt64] = [0, 1, 255, 256, 65_536, 1 << 32 + 5, 0x0102_0304_0506_0708]

    private func nonces() throws -> [Json] {
        let slab = try SecretSlab()
        return try NoiseCipher.allCases.flatMap { cipher in
            try Self.counters.map { counter in
                let key = RecordCipher(cipher, key: try secret(pattern(32, from: 9), in: slab))
                var record = pattern(20, from: 0) + [UInt8](repeating: 0, count: 16)
                let associated = pattern(2, from: 0xa0)
                record.withUnsafeMutableBytes { record in
                    associated.withUnsafeBytes { key.seal(record, counter: counter, associated: $0) }
                }
                return [
                    "cipher": .number(Int(cipher.rawValue)), "key": .hex(pattern(32, from: 9)),
                    "counter": .hex(withUnsafeBytes(of: counter.bigEndian) { Array($0) }),
                    "associated": .hex(associated), "plaintext": .hex(pattern(20, from: 0)), "sealed": .hex(record),
                ]
            }
        }
    }

    private func masks() throws -> [Json] {
        let slab = try SecretSlab()
        return try Self.counters.map { counter in
            let mask = RecordLengthMask(key: try secret(pattern(16, from: 0x30), in: slab)).mask(counter: counter)
            return [
                "length_key": .hex(pattern(16, from: 0x30)),
                "counter": .hex(withUnsafeBytes(of: counter.bigEndian) { Array($0) }),
                "mask": .hex([UInt8(mask >> 8), UInt8(truncatingIfNeeded: mask)]),
            ]
        }
    }

    private func padme(_ count: Int) -> Json {
        ["bytes": .number(count), "padded": .number(PaddingPolicy.padmeLength(count))]
    }
}
