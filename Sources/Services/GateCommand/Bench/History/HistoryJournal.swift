import Foundation
import GateExtenderKit
import GateLink
import GateModel
import NIOCore
import Synchronization

/// Writes down what one acceptor is told and takes, a line each, and compares the bytes that it takes with those that
/// belong there. A journal that can't be written ends the process: nothing may be missing.
final class HistoryJournal: AcceptanceWitness {
    private struct State {
        var lines: [UInt8] = []
        /// Bytes that were taken of each stream.
        var taken: [StreamID: UInt64] = [:]
        var resumedCount = 0

        /// The record of what came.
        mutating func note(_ what: LinkArrival.What, isTaken: Bool) -> HistoryRecord.What {
            switch what {
            case .event(let change): return .event(change)
            case .message(let payload): return .message(HistoryMessage.name(in: payload))
            case .opened(let stream): return .opened(stream)
            case .finished(let stream): return .finished(stream)
            case .bytes(let stream, let bytes):
                let count = UInt64(bytes.readableBytes)
                let offset = taken[stream, default: 0]
                guard isTaken else { return .bytes(stream, offset: offset, count: count, wrongAt: nil) }
                taken[stream] = offset + count
                return .bytes(
                    stream, offset: offset, count: count,
                    wrongAt: HistoryJournal.pattern(of: stream).difference(bytes, at: offset))
            }
        }
    }

    private let file: FileHandle
    private let state = Mutex(State())

    /// Lines are written once there are so many bytes of them.
    private static let bufferBytes = 64 * 1024

    init(path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw CommandFailure("cannot write \(path)") }
        self.file = file
    }

    /// The bytes that a stream has, in both directions: no two streams have the same.
    static func pattern(of stream: StreamID) -> SoakPattern {
        SoakPattern(seed: SplitMix64.mixed(stream.replica) ^ stream.counter &* 0x2545_f491_4f6c_dd1d)
    }

    /// How often a session went on.
    var resumedCount: Int { state.withLock(\.resumedCount) }

    func saw(_ arrival: LinkArrival) {
        state.withLock { state in
            let what = state.note(arrival.what, isTaken: arrival.isTaken)
            if arrival.isTaken, what == .event(.resumed) { state.resumedCount += 1 }
            let record = HistoryRecord.Arrival(
                session: arrival.session, epoch: arrival.epoch, worker: arrival.worker, isTaken: arrival.isTaken,
                what: what)
            write(.arrival(record), &state)
        }
    }

    /// This acceptor has sent so many bytes, and no more.
    func sent(_ stream: StreamID, count: UInt64) { state.withLock { write(.sent(stream, count: count), &$0) } }

    /// What was noted is in the file.
    func flush() { state.withLock { save(&$0) } }

    private func write(_ record: HistoryRecord, _ state: inout State) {
        state.lines += record.line.utf8
        state.lines.append(UInt8(ascii: "\n"))
        if state.lines.count >= HistoryJournal.bufferBytes { save(&state) }
    }

    private func save(_ state: inout State) {
        do {
            try file.write(contentsOf: state.lines)
        } catch {
            FileHandle.standardError.write(Data("the journal can't be written: \(error)\n".utf8))
            exit(1)
        }
        state.lines.removeAll(keepingCapacity: true)
    }
}

/// A message that says which it is.
enum HistoryMessage {
    /// Its bytes.
    static func payload(peer: Int, number: Int) -> ByteBuffer { ByteBuffer(string: "\(peer):\(number)") }

    /// What it says, made fit for a line.
    static func name(in payload: ByteBuffer) -> String {
        let text = String(buffer: payload)
        return text.isEmpty || text.contains(where: \.isWhitespace) ? "?" : text
    }
}
