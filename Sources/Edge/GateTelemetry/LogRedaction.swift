/// Keeps secrets and line breaks out of log lines, whoever wrote them.
package enum LogRedaction {
    /// What stands in place of a value that may be a secret.
    package static let mark = "[redacted]"
    /// The longest value that is written in full, in bytes of UTF-8; the rest is cut.
    package static let valueBytesMax = 2_048

    /// Parts of keys whose values are never written. Keys that only point at a secret (`…file`, `…path`) are.
    private static let sensitiveParts = ["secret", "password", "passphrase", "psk", "token", "private", "payload"]

    /// Whether the value of `key` must not be written.
    package static func isSensitive(_ key: String) -> Bool {
        let key = key.lowercased()
        if key.hasSuffix("file") || key.hasSuffix("path") { return false }
        return sensitiveParts.contains { key.contains($0) }
    }

    /// `value` as it may be written under `key`.
    package static func value(_ value: String, of key: String) -> String {
        isSensitive(key) ? mark : bounded(value)
    }

    /// `value`, cut at ``valueBytesMax``.
    package static func bounded(_ value: String) -> String {
        guard value.utf8.count > valueBytesMax else { return value }
        return String(decoding: value.utf8.prefix(valueBytesMax), as: UTF8.self) + "…"
    }
}
