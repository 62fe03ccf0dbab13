import GateCrypto

/// Which way records go; a byte of their keys' derivation.
enum RecordDirection: UInt8 {
    case initiatorToResponder = 0
    case responderToInitiator = 1

    static func sending(by role: SessionRole) -> RecordDirection {
        role == .initiator ? .initiatorToResponder : .responderToInitiator
    }

    static func receiving(by role: SessionRole) -> RecordDirection {
        role == .initiator ? .responderToInitiator : .initiatorToResponder
    }
}

/// The keys of one direction in one epoch: HKDF-Expand(root, label ‖ suite ‖ direction ‖ epoch).
struct RecordKeys: ~Copyable {
    let cipher: RecordCipher
    let mask: RecordLengthMask

    init(
        root: borrowing Secret, suite: NoiseSuite, direction: RecordDirection, epoch: UInt32, slab: SecretSlab
    ) throws(SecretMemoryFailure) {
        let context =
            [suite.kem?.rawValue ?? 0, suite.cipher.rawValue, suite.hash.rawValue, direction.rawValue]
            + (0..<4).map { UInt8(truncatingIfNeeded: epoch >> (24 - 8 * $0)) }
        let key = try KeyDerivation.expand(
            suite.hash, key: root, label: .recordKey, context: context, count: 32, in: slab)
        let lengthKey = try KeyDerivation.expand(
            suite.hash, key: root, label: .lengthKey, context: context, count: 16, in: slab)
        cipher = RecordCipher(suite.cipher, key: key)
        mask = RecordLengthMask(key: lengthKey)
    }
}
