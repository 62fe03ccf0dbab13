import GateCrypto
import GateModel
import NIOCore
import Testing

/// Keys of a network's secret, and parts of flights under them (article Handshake, "Flights").
@Suite struct MaskVectors {
    private static let node = NodeUUID(UUIDBytes(high: 0x0011_2233_4455_8677, low: 0x8899_aabb_ccdd_eeff))
    private static let passphrase = "correct horse battery staple"

    @Test func `masks of flights and keys of secrets are what is committed`() throws {
        let secret = try SharedSecret(GuardedSecret(pattern(32, from: 0xc0)))
        let stretched = try #require(try SharedSecret.stretching(GuardedSecret(Array(Self.passphrase.utf8))))
        try VectorFile(name: "masks").check([
            "secrets": [
                keys(of: secret, ["secret": .hex(pattern(32, from: 0xc0))]),
                keys(of: stretched, ["passphrase": .text(Self.passphrase)]),
            ],
            "parts": .list(try parts(nil) + parts(secret.maskingKey)),
        ])
    }

    private func keys(of secret: SharedSecret, _ made: [String: Json]) -> Json {
        let keys: [String: Json] = [
            "masking_key": .hex(secret.maskingKey.withUnsafeBytes { Array($0) }),
            "psk": .hex(secret.psk.withUnsafeBytes { Array($0) }),
        ]
        return .object(made.merging(keys) { $1 })
    }

    private func parts(_ maskingKey: GuardedSecret?) throws -> [Json] {
        var parts: [Json] = []
        for flight in UInt8(1)...5 {
            for part in [FlightMask.Part.header, .body] {
                let direction = flight % 2 == 1 ? FlightMask.Direction.toResponder : .toInitiator
                let mask = try FlightMask(
                    seed: pattern(32, from: flight), maskingKey: maskingKey, dialled: Self.node,
                    direction: direction, flight: flight, in: SecretSlab())
                let plaintext = pattern(part == .header ? 18 : 40, from: 0x70)
                var sealed = ByteBuffer()
                mask.seal(part, ByteBuffer(bytes: plaintext), into: &sealed)
                parts.append([
                    "seed": .hex(pattern(32, from: flight)),
                    "masking_key": .hex(maskingKey?.withUnsafeBytes { Array($0) } ?? []),
                    "dialled": .text(Self.node.description), "direction": .number(Int(direction.rawValue)),
                    "flight": .number(Int(flight)), "part": .number(Int(part.rawValue)),
                    "plaintext": .hex(plaintext), "sealed": sealed.json,
                ])
            }
        }
        return parts
    }
}
