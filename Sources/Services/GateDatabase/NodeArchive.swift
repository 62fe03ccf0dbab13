import Crypto
import Foundation
import GateModel
package import GateStore
import Synchronization

/// A whole store in one file: what `backup` writes and `restore` reads, whatever kind of store it came from.
///
/// | bytes | what |
/// | --- | --- |
/// | 8 | `QGBACKUP` |
/// | 1 | form, 1 |
/// | 8 | when it was made, in seconds since 1970 |
/// | 1 + 4 + n each | kind, length and bytes of a row (`PortableRow`) |
/// | 1 + 8 + 32 | kind 0, count of rows, SHA-256 of all bytes before the hash |
///
/// Numbers are big-endian. The vault's rows stay sealed; its key is not in it. The hash finds damage, not malice: who
/// may write the file may write another hash. Written and read row by row, so it may be larger than memory.
package enum NodeArchive {
    static let magic = Array("QGBACKUP".utf8)
    static let form: UInt8 = 1
    /// The longest row that is read: a peer or an entry of data is far below.
    static let rowBytesMax = 1 << 20

    /// What a file holds.
    package struct Summary: Sendable, Equatable {
        /// Rows, without the epoch's.
        package var rowCount: UInt64
        /// SHA-256 over all rows but the epoch's: equal for stores that hold the same.
        package var digest: [UInt8]
    }

    /// Writes a store to a new file, for its owner only, which is there as a whole or not at all.
    package static func write(_ store: any PortableStore, to path: String) async throws(StoreFailure) -> Summary {
        let draft = path + ".part"
        unlink(draft)
        let file = try ArchiveWriter(path: draft)
        do throws(StoreFailure) {
            try await store.exportRows { row throws(StoreFailure) in try file.append(row) }
            let summary = try file.finish()
            guard link(draft, path) == 0 else {
                throw errno == EEXIST ? .conflict : .unavailable
            }
            unlink(draft)
            return summary
        } catch {
            unlink(draft)
            throw error
        }
    }

    /// Reads a file to its end; throws `.damaged` where it is not what was written. Also the vault's row of that name.
    package static func check(
        _ path: String, finding name: String = ""
    ) throws(StoreFailure) -> (summary: Summary, vaultRow: [UInt8]?) {
        let file = try ArchiveReader(path: path)
        var found: [UInt8]?
        while let row = try file.next() {
            if case .vault(name, let sealed) = row { found = sealed }
        }
        return (file.summary, found)
    }

    /// Puts a file's rows into a store, all or none; see `PortableStore.importRows`.
    package static func restore(
        _ path: String, into store: any PortableStore, replacing: Bool
    ) async throws(StoreFailure) -> Summary {
        let file = try ArchiveReader(path: path)
        try await store.importRows(replacing: replacing) { () throws(StoreFailure) in try file.next() }
        return file.summary
    }

    /// What a store holds, as a file of it would say.
    package static func summary(of store: any PortableStore) async throws(StoreFailure) -> Summary {
        let counter = RowCounter()
        try await store.exportRows { row throws(StoreFailure) in counter.count(row) }
        return counter.summary
    }
}

/// Counts and hashes rows, in the order in which every store gives them.
private final class RowCounter: Sendable {
    private let state = Mutex((count: UInt64(0), hash: SHA256()))

    func count(_ row: PortableRow) {
        if case .epoch = row { return }
        let bytes = [row.kind] + row.encoded
        state.withLock { state in
            state.count += 1
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { state.hash.update(bufferPointer: $0) }
            state.hash.update(data: bytes)
        }
    }

    var summary: NodeArchive.Summary {
        state.withLock { NodeArchive.Summary(rowCount: $0.count, digest: Array($0.hash.finalize())) }
    }
}

/// Writes a file row by row, from whatever thread the store has.
private final class ArchiveWriter: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var hash = SHA256()
        var count: UInt64 = 0
    }

    private let descriptor: CInt
    private let counter = RowCounter()
    private let state = Mutex(State())

    private static let pendingBytes = 1 << 20

    init(path: String) throws(StoreFailure) {
        descriptor = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .invalid("\(path) can't be written: \(String(cString: strerror(errno)))") }
        let moment = number(UInt64(clamping: Int(Date().timeIntervalSince1970)))
        state.withLock { $0.pending = NodeArchive.magic + [NodeArchive.form] + moment }
    }

    deinit { close(descriptor) }

    func append(_ row: PortableRow) throws(StoreFailure) {
        counter.count(row)
        let bytes = row.encoded
        try state.withLock { state throws(StoreFailure) in
            state.count += 1
            state.pending += [row.kind] + number(UInt32(bytes.count)) + bytes
            if state.pending.count >= ArchiveWriter.pendingBytes { try flush(&state) }
        }
    }

    /// Writes the end and waits until the disk has it all.
    func finish() throws(StoreFailure) -> NodeArchive.Summary {
        try state.withLock { state throws(StoreFailure) in
            state.pending += [0] + number(state.count)
            try flush(&state)
            state.pending = Array(state.hash.finalize())
            try flush(&state)
            guard fsync(descriptor) == 0 else { throw failure() }
        }
        return counter.summary
    }

    private func flush(_ state: inout State) throws(StoreFailure) {
        state.hash.update(data: state.pending)
        var start = 0
        while start < state.pending.count {
            let written = state.pending[start...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 || (written < 0 && errno == EINTR) else { throw failure() }
            start += max(written, 0)
        }
        state.pending.removeAll(keepingCapacity: true)
    }

    private func failure() -> StoreFailure {
        .invalid("the file can't be written: \(String(cString: strerror(errno)))")
    }
}

/// Reads a file row by row, from whatever thread the store has.
private final class ArchiveReader: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var start = 0
        var hash = SHA256()
        var count: UInt64 = 0
        var isAtEnd = false
    }

    private let descriptor: CInt
    private let counter = RowCounter()
    private let state = Mutex(State())

    private static let blockBytes = 1 << 20
    private static let damaged = StoreFailure.damaged("the file is no backup, or not all of one; nothing was changed")

    init(path: String) throws(StoreFailure) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .invalid("\(path) can't be read: \(String(cString: strerror(errno)))") }
        try state.withLock { state throws(StoreFailure) in
            guard try take(8, &state) == NodeArchive.magic else { throw ArchiveReader.damaged }
            guard try take(1, &state) == [NodeArchive.form] else {
                throw .damaged("the backup was made by a newer version; nothing was changed")
            }
            _ = try take(8, &state)
        }
    }

    deinit { close(descriptor) }

    /// The next row; `nil` at an end that is the right one.
    func next() throws(StoreFailure) -> PortableRow? {
        let row = try state.withLock { state throws(StoreFailure) -> PortableRow? in
            guard !state.isAtEnd else { return nil }
            let kind = try take(1, &state)[0]
            guard kind != 0 else {
                try end(&state)
                return nil
            }
            let count = try take(4, &state).reduce(0) { $0 << 8 | Int($1) }
            guard count <= NodeArchive.rowBytesMax else { throw ArchiveReader.damaged }
            state.count += 1
            return try PortableRow(kind: kind, take(count, &state))
        }
        if let row { counter.count(row) }
        return row
    }

    /// What was read so far.
    var summary: NodeArchive.Summary { counter.summary }

    private func end(_ state: inout State) throws(StoreFailure) {
        let count = try take(8, &state).reduce(0) { $0 << 8 | UInt64($1) }
        let hash = Array(state.hash.finalize())
        guard count == state.count, try take(32, &state) == hash, try fill(1, &state) == false else {
            throw ArchiveReader.damaged
        }
        state.isAtEnd = true
    }

    private func take(_ count: Int, _ state: inout State) throws(StoreFailure) -> [UInt8] {
        guard try fill(count, &state) else { throw ArchiveReader.damaged }
        let bytes = Array(state.buffer[state.start..<state.start + count])
        state.start += count
        state.hash.update(data: bytes)
        return bytes
    }

    /// Whether so many bytes are left, which are then in the buffer.
    private func fill(_ count: Int, _ state: inout State) throws(StoreFailure) -> Bool {
        while state.buffer.count - state.start < count {
            state.buffer.removeFirst(state.start)
            state.start = 0
            var block = [UInt8](repeating: 0, count: ArchiveReader.blockBytes)
            let got = block.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard got >= 0 || errno == EINTR else {
                throw .invalid("the file can't be read: \(String(cString: strerror(errno)))")
            }
            guard got != 0 else { return false }
            state.buffer += block.prefix(max(got, 0))
        }
        return true
    }
}

private func number(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}
