import Foundation
package import GateCrypto
import GateLinkTransport
import GateModel

/// Why a vault key file cannot be used. No case quotes the file.
package enum VaultKeyFileFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is missing or may not be read or written.
    case noAccess(path: String)
    /// Others than its owner may read it.
    case notPrivate(path: String)
    /// It is not one line of 64 hexadecimal digits.
    case malformed(path: String)
    /// It is there already; a second key would orphan what the first one sealed.
    case exists(path: String)
    /// No protected memory is left.
    case noMemory

    package var description: String {
        switch self {
        case .noAccess(let path): "\(path): missing, or no right to use it; restore it from your backup"
        case .notPrivate(let path): "\(path): others may read it; run chmod 600 \(path)"
        case .malformed(let path): "\(path): not one line of 64 hexadecimal digits; restore it from your backup"
        case .exists(let path): "\(path): there already; nothing was changed"
        case .noMemory: "no protected memory is left"
        }
    }
}

/// The file with the key that opens the vault: one line of 64 hexadecimal digits, readable by its owner only.
package enum VaultKeyFile {
    /// Makes a fresh key and its file, the folder too.
    package static func create(at path: String) throws(VaultKeyFileFailure) -> GuardedSecret {
        let folder = URL(filePath: path).deletingLastPathComponent()
        try? FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw errno == EEXIST ? .exists(path: path) : .noAccess(path: path) }
        defer { close(descriptor) }
        let key: GuardedSecret
        do { key = try Vault.makeKey() } catch { throw .noMemory }
        var line = key.withUnsafeBytes { bytes in bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] } } + [newline]
        defer { wipe(&line) }
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == line.count, fsync(descriptor) == 0 else { throw .noAccess(path: path) }
        return key
    }

    /// Reads the key.
    package static func load(from path: String) throws(VaultKeyFileFailure) -> GuardedSecret {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .noAccess(path: path) }
        defer { close(descriptor) }
        guard let isPrivate = FilePrivacy.isPrivate(descriptor: descriptor) else { throw .noAccess(path: path) }
        guard isPrivate else { throw .notPrivate(path: path) }
        var line = [UInt8](repeating: 0, count: lineBytesMax)
        defer { wipe(&line) }
        let count = line.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw .noAccess(path: path) }
        let end = line[..<count].lastIndex { $0 != newline && $0 != UInt8(ascii: "\r") } ?? -1
        guard end + 1 == Vault.keyByteCount * 2, line[...end].allSatisfy({ value($0) != nil }) else {
            throw .malformed(path: path)
        }
        do {
            return try GuardedSecret(count: Vault.keyByteCount) { key in
                for index in 0..<key.count {
                    key[index] = (value(line[2 * index]) ?? 0) << 4 | (value(line[2 * index + 1]) ?? 0)
                }
            }
        } catch { throw .noMemory }
    }

    private static let lineBytesMax = 80
    private static let newline = UInt8(ascii: "\n")

    private static func wipe(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { Sodium.wipe($0) }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
