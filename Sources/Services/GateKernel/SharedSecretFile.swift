import Foundation
package import GateCrypto
import GateLinkTransport
import GateModel

/// Why a shared secret's file cannot be used. No case quotes the file.
package enum SharedSecretFileFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case noAccess(path: String)
    /// Others than its owner may read it.
    case notPrivate(path: String)
    /// Neither 64 hexadecimal digits nor a passphrase of at least 8 bytes in one line.
    case malformed(path: String)
    case noMemory

    package var description: String {
        switch self {
        case .noAccess(let path): "\(path): missing, or no right to read it"
        case .notPrivate(let path): "\(path): others may read it; run chmod 600 \(path)"
        case .malformed(let path): "\(path): neither 64 hexadecimal digits nor a passphrase of 8 bytes or more"
        case .noMemory: "not enough protected memory, or memory for Argon2id (256 MiB), is left"
        }
    }
}

/// The file with a network's global shared secret: 64 hexadecimal digits, or a passphrase, in one line.
package enum SharedSecretFile {
    private static let bytesMax = 1_024

    /// Reads and derives; a passphrase takes about a second and 256 MiB.
    package static func load(from path: String) throws(SharedSecretFileFailure) -> SharedSecret {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .noAccess(path: path) }
        defer { close(descriptor) }
        guard let isPrivate = FilePrivacy.isPrivate(descriptor: descriptor) else { throw .noAccess(path: path) }
        guard isPrivate else { throw .notPrivate(path: path) }
        var line = [UInt8](repeating: 0, count: bytesMax)
        defer { line.withUnsafeMutableBytes { Sodium.wipe($0) } }
        let count = line.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw .noAccess(path: path) }
        var length = count
        while length > 0, line[length - 1] == UInt8(ascii: "\n") || line[length - 1] == UInt8(ascii: "\r") {
            length -= 1
        }
        guard length >= SharedSecret.passphraseBytesMin, length < bytesMax else { throw .malformed(path: path) }
        do {
            let digits = line[..<length].allSatisfy { digitValue($0) != nil }
            if length == 64, digits {
                return try SharedSecret(
                    GuardedSecret(count: 32) { key in
                        for index in 0..<key.count {
                            key[index] =
                                (digitValue(line[2 * index]) ?? 0) << 4 | (digitValue(line[2 * index + 1]) ?? 0)
                        }
                    })
            }
            let passphrase = try line.withUnsafeBytes { bytes throws(SecretMemoryFailure) in
                try GuardedSecret(copying: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
            }
            guard let secret = try SharedSecret.stretching(passphrase) else { throw SharedSecretFileFailure.noMemory }
            return secret
        } catch { throw .noMemory }
    }

    private static func digitValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
