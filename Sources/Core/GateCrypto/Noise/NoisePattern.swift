/// What a handshake message carries or mixes, in order (Noise revision 34, section 5; hfs extension for `e1`, `ekem1`).
package enum NoiseToken: UInt8, Sendable {
    case e, s, ee, es, se, ss, psk, e1, ekem1

    var isDiffieHellman: Bool {
        switch self {
        case .ee, .es, .se, .ss: true
        case .e, .s, .psk, .e1, .ekem1: false
        }
    }
}

/// A handshake pattern with its modifiers: who knows whose static key before, and the tokens of each message.
///
/// Read from its name: one of the fundamental patterns, then `hfs` and `psk0` … joined by `+`, as in `XXhfs+psk0`.
package struct NoisePattern: Sendable, Equatable {
    /// As in a protocol name.
    package let name: String
    /// The responder knows the initiator's static key before.
    package let initiatorKnown: Bool
    /// The initiator knows the responder's static key before.
    package let responderKnown: Bool
    /// Tokens of each message; the initiator sends the first, then both in turn.
    package let messages: [[NoiseToken]]

    package var isOneWay: Bool { messages.count == 1 }
    package var usesPSK: Bool { pskCount > 0 }
    package var usesKEM: Bool { messages.contains { $0.contains(.e1) } }
    package var pskCount: Int { messages.joined().count { $0 == .psk } }

    /// Mutual peers: `-> e, e1  <- e, ee, ekem1, s, es  -> s, se`.
    package static let mutual = known("XXhfs")
    /// Anonymous initiators and circuits' hops: `-> e, e1  <- e, ee, ekem1, s, es`.
    package static let anonymous = known("NXhfs")
    /// `mutual` with the global shared secret before the first message.
    package static let mutualShared = known("XXhfs+psk0")
    /// `anonymous` with the global shared secret before the first message.
    package static let anonymousShared = known("NXhfs+psk0")

    /// Reads a pattern's name; `nil` for an unknown pattern or modifier.
    package init?(name: String) {
        guard let base = NoisePattern.fundamental.last(where: { name.hasPrefix($0.name) }) else { return nil }
        var messages = base.messages
        for modifier in name.dropFirst(base.name.count).split(separator: "+", omittingEmptySubsequences: true) {
            if modifier == "hfs" {
                guard NoisePattern.addKEM(to: &messages) else { return nil }
            } else {
                guard modifier.hasPrefix("psk"), let place = Int(modifier.dropFirst(3)), place >= 0,
                    place <= messages.count
                else { return nil }
                if place == 0 { messages[0].insert(.psk, at: 0) } else { messages[place - 1].append(.psk) }
            }
        }
        self.name = name
        self.initiatorKnown = base.initiatorKnown
        self.responderKnown = base.responderKnown
        self.messages = messages
    }

    private static func known(_ name: String) -> NoisePattern {
        guard let pattern = NoisePattern(name: name) else { preconditionFailure("\(name) is a Noise pattern") }
        return pattern
    }

    /// `e1` stands after the first `e` and the DH that follows it at once, `ekem1` after the first `ee`.
    private static func addKEM(to messages: inout [[NoiseToken]]) -> Bool {
        guard let sender = messages.firstIndex(where: { $0.contains(.e) }),
            let key = messages[sender].firstIndex(of: .e),
            let answer = messages.firstIndex(where: { $0.contains(.ee) })
        else { return false }
        var place = key + 1
        if place < messages[sender].count, messages[sender][place].isDiffieHellman { place += 1 }
        messages[sender].insert(.e1, at: place)
        guard let agreed = messages[answer].firstIndex(of: .ee) else { return false }
        messages[answer].insert(.ekem1, at: agreed + 1)
        return true
    }

    private init(_ name: String, known: (initiator: Bool, responder: Bool), _ messages: [[NoiseToken]]) {
        self.name = name
        self.initiatorKnown = known.initiator
        self.responderKnown = known.responder
        self.messages = messages
    }

    /// Revision 34, sections 7.4 and 7.5. A longer name comes after the shorter that begins it.
    private static let fundamental: [NoisePattern] = [
        NoisePattern("N", known: (false, true), [[.e, .es]]),
        NoisePattern("K", known: (true, true), [[.e, .es, .ss]]),
        NoisePattern("X", known: (false, true), [[.e, .es, .s, .ss]]),
        NoisePattern("NN", known: (false, false), [[.e], [.e, .ee]]),
        NoisePattern("NK", known: (false, true), [[.e, .es], [.e, .ee]]),
        NoisePattern("NX", known: (false, false), [[.e], [.e, .ee, .s, .es]]),
        NoisePattern("XN", known: (false, false), [[.e], [.e, .ee], [.s, .se]]),
        NoisePattern("XK", known: (false, true), [[.e, .es], [.e, .ee], [.s, .se]]),
        NoisePattern("XX", known: (false, false), [[.e], [.e, .ee, .s, .es], [.s, .se]]),
        NoisePattern("KN", known: (true, false), [[.e], [.e, .ee, .se]]),
        NoisePattern("KK", known: (true, true), [[.e, .es, .ss], [.e, .ee, .se]]),
        NoisePattern("KX", known: (true, false), [[.e], [.e, .ee, .se, .s, .es]]),
        NoisePattern("IN", known: (false, false), [[.e, .s], [.e, .ee, .se]]),
        NoisePattern("IK", known: (false, true), [[.e, .es, .s, .ss], [.e, .ee, .se]]),
        NoisePattern("IX", known: (false, false), [[.e, .s], [.e, .ee, .se, .s, .es]]),
    ]
}

/// The algorithms of one handshake.
package struct NoiseSuite: Sendable, Hashable {
    /// `nil` for patterns without `hfs`.
    package var kem: NoiseKEM?
    package var cipher: NoiseCipher
    package var hash: NoiseHash

    package init(kem: NoiseKEM?, cipher: NoiseCipher, hash: NoiseHash) {
        self.kem = kem
        self.cipher = cipher
        self.hash = hash
    }

    /// ML-KEM-768, AES-256-GCM, SHA-256.
    package static let standard = NoiseSuite(kem: .mlkem768, cipher: .aesGCM, hash: .sha256)

    /// KEM, AEAD and hash by their numbers on the wire; 0 for no KEM.
    package var numbers: [UInt8] { [kem?.rawValue ?? 0, cipher.rawValue, hash.rawValue] }

    /// A suite with a KEM by its three numbers; `nil` where one means nothing here.
    package init?(numbers: [UInt8]) {
        guard numbers.count == 3, let kem = NoiseKEM(rawValue: numbers[0]),
            let cipher = NoiseCipher(rawValue: numbers[1]), let hash = NoiseHash(rawValue: numbers[2])
        else { return nil }
        self.init(kem: kem, cipher: cipher, hash: hash)
    }

    /// `Noise_` and the rest, as both sides hash it first.
    package func protocolName(_ pattern: NoisePattern) -> String {
        let agreement = kem.map { "25519+\($0.name)" } ?? "25519"
        return "Noise_\(pattern.name)_\(agreement)_\(cipher.name)_\(hash.name)"
    }

    /// Reads `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256`; `nil` for what this engine does not know.
    package static func read(protocolName: String) -> (pattern: NoisePattern, suite: NoiseSuite)? {
        let parts = protocolName.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5, parts[0] == "Noise", let pattern = NoisePattern(name: parts[1]),
            let cipher = NoiseCipher.allCases.first(where: { $0.name == parts[3] }),
            let hash = NoiseHash.allCases.first(where: { $0.name == parts[4] })
        else { return nil }
        let kem = NoiseKEM.allCases.first { parts[2] == "25519+\($0.name)" }
        guard kem != nil || parts[2] == "25519", pattern.usesKEM == (kem != nil) else { return nil }
        return (pattern, NoiseSuite(kem: kem, cipher: cipher, hash: hash))
    }
}
