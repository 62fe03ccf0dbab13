/// A set of algorithms of each class, a bit (1 << number) for each, as a flight's header carries it.
package struct SuiteOffers: Hashable, Sendable {
    /// Bits of KEMs.
    package let kems: UInt8
    /// Bits of ciphers.
    package let ciphers: UInt8
    /// Bits of hashes.
    package let hashes: UInt8

    package init(kems: UInt8, ciphers: UInt8, hashes: UInt8) {
        self.kems = kems
        self.ciphers = ciphers
        self.hashes = hashes
    }

    /// Three bytes: KEMs, ciphers, hashes.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == 3, "offers have KEM, AEAD and hash")
        self.init(kems: bytes[0], ciphers: bytes[1], hashes: bytes[2])
    }

    /// KEMs, ciphers, hashes.
    package var bytes: [UInt8] { [kems, ciphers, hashes] }

    /// Whether the bits of all three numbers are set: KEM, cipher, hash.
    package func contains(_ suite: [UInt8]) -> Bool {
        suite.count == 3 && zip(bytes, suite).allSatisfy { $0 & UInt8(1) << $1 != 0 }
    }

    /// The classes in which two sets have nothing in common, by names in settings (`ml-kem-768 or ml-kem-1024`; the
    /// classes separated by semicolons), 90 bytes at most each; `nil` where every class has something.
    package func unlike(_ other: SuiteOffers) -> (own: String, other: String)? {
        let classes = zip(zip(bytes, other.bytes), SuiteOffers.names).filter { $0.0.0 & $0.0.1 == 0 }
        guard !classes.isEmpty else { return nil }
        return (
            classes.map { SuiteOffers.words($0.0.0, $0.1) }.joined(separator: "; "),
            classes.map { SuiteOffers.words($0.0.1, $0.1) }.joined(separator: "; ")
        )
    }

    private static let names: [[(number: UInt8, name: String)]] = [
        NoiseKEM.allCases.map { ($0.rawValue, $0.settingName) },
        NoiseCipher.allCases.map { ($0.rawValue, $0.settingName) },
        NoiseHash.allCases.map { ($0.rawValue, $0.settingName) },
    ]

    private static func words(_ bits: UInt8, _ names: [(number: UInt8, name: String)]) -> String {
        let known = names.filter { bits & UInt8(1) << $0.number != 0 }.map(\.name)
        return known.isEmpty ? "none known" : known.joined(separator: " or ")
    }
}

extension NoiseKEM {
    /// As in settings and logs.
    package var settingName: String { self == .mlkem768 ? "ml-kem-768" : "ml-kem-1024" }
}

extension NoiseCipher {
    /// As in settings and logs.
    package var settingName: String { self == .aesGCM ? "aes-256-gcm" : "chacha20-poly1305" }
}

extension NoiseHash {
    /// As in settings and logs.
    package var settingName: String {
        switch self {
        case .sha256: "sha-256"
        case .sha512: "sha-512"
        case .blake2b: "blake2b"
        }
    }
}
