import Foundation
package import GateCrypto
import GateLinkTransport
package import GateModel

/// Why a shared secret's file cannot be used. No case quotes the file.
package enum SharedSecretFileFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case noAccess(path: String)
    /// Others than its owner may read it.
    case notPrivate(path: String)
    /// Neither 64 hexadecimal digits nor a passphrase of at least 8 bytes in one line.
    case malformed(path: String)
    case noMemory
    /// It is there already; a second secret would part the node from those that have the first.
    case exists(path: String)

    package var description: String {
        switch self {
        case .noAccess(let path): "\(path): missing, or no right to read it"
        case .notPrivate(let path): "\(path): others may read it; run chmod 600 \(path)"
        case .malformed(let path): "\(path): neither 64 hexadecimal digits nor a passphrase of 8 bytes or more"
        case .noMemory: "not enough protected memory, or memory for Argon2id (256 MiB), is left"
        case .exists(let path): "\(path): there already; nothing was changed"
        }
    }
}

/// The file with a network's global shared secret: 64 hexadecimal digits, or a passphrase, in one line.
package enum SharedSecretFile {
    private static let bytesMax = 1_024

    /// Makes a file with 32 fresh random bytes as digits, for its owner only; its folder is there.
    package static func create(at path: String) throws(SharedSecretFileFailure) {
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw errno == EEXIST ? .exists(path: path) : .noAccess(path: path) }
        defer { close(descriptor) }
        let secret: GuardedSecret
        do { secret = try .random(count: SharedSecret.byteCount) } catch { throw .noMemory }
        var line = secret.withUnsafeBytes { $0.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] } }
        line.append(UInt8(ascii: "\n"))
        defer { line.withUnsafeMutableBytes { Sodium.wipe($0) } }
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == line.count, fsync(descriptor) == 0 else { throw .noAccess(path: path) }
    }

    private static let digits = Array("0123456789abcdef".utf8)

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
            let isNumber = line[..<length].allSatisfy { digitValue($0) != nil }
            if length == 2 * SharedSecret.byteCount, isNumber {
                return try SharedSecret(
                    GuardedSecret(count: SharedSecret.byteCount) { key in
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

    /// The secrets of several nodes, each file read once; `nil` stays none.
    package static func load(
        of paths: [NodeUUID: String?]
    ) throws(SharedSecretFileFailure) -> [NodeUUID: SharedSecret?] {
        var read: [String: SharedSecret] = [:]
        var secrets: [NodeUUID: SharedSecret?] = [:]
        for (node, path) in paths {
            guard let path else {
                secrets[node] = .some(nil)
                continue
            }
            let secret = if let known = read[path] { known } else { try load(from: path) }
            read[path] = secret
            secrets[node] = secret
        }
        return secrets
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
