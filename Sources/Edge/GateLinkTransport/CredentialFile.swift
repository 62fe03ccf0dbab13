import GateModel
import Glibc

/// The few file calls that credentials need, with their modes right from the start.
enum CredentialFile {
    /// Changes whenever a file is replaced.
    struct Stamp: Equatable {
        let inode: UInt64
        let seconds: Int
        let nanoseconds: Int
    }

    static let bytesMax = 64 << 10

    /// Reads a private key's file; refused where others than its owner may read it.
    static func readSecret(_ path: String) throws(LinkCredentialFailure) -> String {
        try read(path, isSecret: true)
    }

    static func read(_ path: String, isSecret: Bool = false) throws(LinkCredentialFailure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .noAccess(path: path, reason: lastReason()) }
        defer { close(descriptor) }
        if isSecret {
            guard let isPrivate = FilePrivacy.isPrivate(descriptor: descriptor) else {
                throw .noAccess(path: path, reason: lastReason())
            }
            guard isPrivate else { throw .notPrivate(path: path) }
        }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var count = 0
        while count < bytes.count {
            let read = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            guard read >= 0 else { throw .noAccess(path: path, reason: lastReason()) }
            if read == 0 { break }
            count += read
        }
        guard count < bytesMax else { throw .malformed(path: path) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    static func stamp(of path: String) -> Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }

    /// Fills a new folder of mode 0700 with files of mode 0600 and puts it in place of `directory` in one step.
    ///
    /// Where there was such a folder it is moved aside first and removed afterwards.
    static func replace(_ directory: String, with files: [(name: String, text: String)]) throws(LinkCredentialFailure) {
        let mark = String(UInt64.random(in: .min ... .max), radix: 36)
        let fresh = "\(directory).new-\(mark)"
        let old = "\(directory).old-\(mark)"
        guard mkdir(fresh, 0o700) == 0 else { throw .noAccess(path: fresh, reason: lastReason()) }
        do {
            for file in files { try write(file.text, to: "\(fresh)/\(file.name)") }
            try synchronize(fresh)
        } catch {
            remove(fresh, files: files.map(\.name))
            throw error
        }
        let existed = rename(directory, old) == 0
        guard rename(fresh, directory) == 0 else {
            let reason = lastReason()
            if existed { rename(old, directory) }
            remove(fresh, files: files.map(\.name))
            throw .noAccess(path: directory, reason: reason)
        }
        if existed { remove(old, files: files.map(\.name)) }
    }

    private static func write(_ text: String, to path: String) throws(LinkCredentialFailure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .noAccess(path: path, reason: lastReason()) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var count = 0
        while count < bytes.count {
            let written = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            guard written > 0 else { throw .noAccess(path: path, reason: lastReason()) }
            count += written
        }
        guard fsync(descriptor) == 0 else { throw .noAccess(path: path, reason: lastReason()) }
    }

    private static func synchronize(_ directory: String) throws(LinkCredentialFailure) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .noAccess(path: directory, reason: lastReason()) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .noAccess(path: directory, reason: lastReason()) }
    }

    private static func remove(_ directory: String, files: [String]) {
        for file in files { unlink("\(directory)/\(file)") }
        rmdir(directory)
    }

    private static func lastReason() -> String {
        let number = errno
        return strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }
}
