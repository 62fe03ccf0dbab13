/// Why a sealed value was not opened or made.
package enum VaultFailure: Error, Equatable {
    /// Another key or label, or changed bytes.
    case notAuthentic
    /// Shorter than any sealed value, longer than the largest, or of an unknown form.
    case malformed
    /// No protected memory is left.
    case memory(SecretMemoryFailure)
}

/// Seals small secrets at rest under a 32-byte vault key.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | form, 1 |
/// | 24 | nonce, random |
/// | n + 16 | XChaCha20-Poly1305; associated: form ‖ label (length byte, text) ‖ context |
///
/// The context names what the value belongs to (a row, a node), so that rows can't be exchanged.
package enum Vault {
    package static let keyByteCount = 32
    /// The largest value: 64 KiB.
    package static let valueBytesMax = 64 << 10
    /// What sealing adds.
    package static let overheadByteCount = 1 + nonceByteCount + 16

    private static let form: UInt8 = 1
    private static let nonceByteCount = 24

    /// A fresh random vault key.
    package static func makeKey() throws(SecretMemoryFailure) -> GuardedSecret { try .random(count: keyByteCount) }

    /// Seals 1 byte to 64 KiB.
    package static func seal(
        _ value: UnsafeRawBufferPointer, label: Label, context: [UInt8] = [], with key: GuardedSecret
    ) throws(VaultFailure) -> [UInt8] {
        guard !value.isEmpty, value.count <= valueBytesMax, key.count == keyByteCount else { throw .malformed }
        Sodium.start()
        let associated = [form] + label.bytes + context
        let total = value.count + overheadByteCount
        return [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
            let row = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<total])
            row[0] = form
            let nonce = UnsafeMutableRawBufferPointer(rebasing: row[1..<1 + nonceByteCount])
            Sodium.fillRandom(nonce)
            let output = UnsafeMutableRawBufferPointer(rebasing: row[(1 + nonceByteCount)...])
            key.withUnsafeBytes { key in
                associated.withUnsafeBytes {
                    Sodium.sealXChaChaPoly(
                        SealInput(
                            key: key, nonce: UnsafeRawBufferPointer(nonce), associated: $0, input: value,
                            output: output))
                }
            }
            count = total
        }
    }

    /// Opens what `seal` made with the same key, label and context.
    package static func open(
        _ row: [UInt8], label: Label, context: [UInt8] = [], with key: GuardedSecret
    ) throws(VaultFailure) -> GuardedSecret {
        guard row.count > overheadByteCount, row.count <= valueBytesMax + overheadByteCount, row[0] == form,
            key.count == keyByteCount
        else { throw .malformed }
        let associated = [form] + label.bytes + context
        var isOpen = false
        let opening = { (output: UnsafeMutableRawBufferPointer) in
            isOpen = row.withUnsafeBytes { row in
                let nonce = UnsafeRawBufferPointer(rebasing: row[1..<1 + nonceByteCount])
                let input = UnsafeRawBufferPointer(rebasing: row[(1 + nonceByteCount)...])
                return key.withUnsafeBytes { key in
                    associated.withUnsafeBytes {
                        Sodium.openXChaChaPoly(
                            SealInput(key: key, nonce: nonce, associated: $0, input: input, output: output))
                    }
                }
            }
        }
        do throws(SecretMemoryFailure) {
            let value = try GuardedSecret(count: row.count - overheadByteCount, opening)
            if isOpen { return value }
        } catch { throw .memory(error) }
        throw .notAuthentic
    }

    /// Seals an array, for values that are no longer than their caller's interest in them.
    package static func seal(
        _ value: [UInt8], label: Label, context: [UInt8] = [], with key: GuardedSecret
    ) throws(VaultFailure) -> [UInt8] {
        let sealed: Result<[UInt8], VaultFailure> = value.withUnsafeBytes { value in
            do throws(VaultFailure) {
                return .success(try seal(value, label: label, context: context, with: key))
            } catch { return .failure(error) }
        }
        return try sealed.get()
    }
}
