/// Ed25519 over labelled bytes: what is signed is always the label (length byte and text), then the bytes.
package enum Signing {
    /// Whether `signature` is the key's for these bytes under this label.
    package static func isSigned(
        _ label: Label, _ bytes: [UInt8], by publicKey: [UInt8], signature: [UInt8]
    ) -> Bool {
        Sodium.start()
        let text = label.bytes + bytes
        return text.withUnsafeBytes { text in
            publicKey.withUnsafeBytes { key in
                signature.withUnsafeBytes { Sodium.isSigned(text, by: key, signature: $0) }
            }
        }
    }
}
