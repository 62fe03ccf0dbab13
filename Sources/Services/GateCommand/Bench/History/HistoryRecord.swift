import GateLink
import GateModel

/// One line of a journal: what one acceptor was told and took, or what a peer did itself, in its order.
enum HistoryRecord: Equatable, Sendable {
    case arrival(Arrival)
    /// A peer has written so many bytes to a stream, and nothing more follows.
    case sent(StreamID, count: UInt64)

    /// What a worker said of a session.
    struct Arrival: Equatable, Sendable {
        let session: SessionID
        /// The epoch that the worker spoke of.
        var epoch: SessionEpoch
        var worker: String
        /// Whether it was let have an effect.
        var isTaken: Bool
        var what: What
    }

    /// What it was.
    enum What: Equatable, Sendable {
        case event(LinkPeerEvent.Change)
        /// With the name that its sender gave it.
        case message(String)
        case opened(StreamID)
        /// Where bytes stand in their stream by the count of all that were taken before, and the first that doesn't
        /// belong there.
        case bytes(StreamID, offset: UInt64, count: UInt64, wrongAt: UInt64?)
        case finished(StreamID)
    }
}

/// A line: kind and fields, a space between.
extension HistoryRecord {
    var line: String {
        switch self {
        case .sent(let stream, let count): return "sent \(stream) \(count)"
        case .arrival(let arrival):
            let head = "\(arrival.isTaken ? "took" : "refused") \(arrival.session) \(arrival.epoch) \(arrival.worker)"
            return "\(head) \(arrival.what.text)"
        }
    }

    /// Reads a line; `nil` where it is none.
    init?(line: Substring) {
        let words = line.split(separator: " ").map(String.init)
        if words.count == 3, words[0] == "sent" {
            guard let stream = StreamID(text: words[1]), let count = UInt64(words[2]) else { return nil }
            self = .sent(stream, count: count)
        } else {
            guard words.count >= 6, ["took", "refused"].contains(words[0]), let session = UUIDBytes(text: words[1]),
                let epoch = SessionEpoch(words[2]), let what = What(words: words.dropFirst(4))
            else { return nil }
            self = .arrival(
                Arrival(
                    session: SessionID(session), epoch: epoch, worker: words[3], isTaken: words[0] == "took",
                    what: what))
        }
    }
}

extension HistoryRecord.What {
    fileprivate var text: String {
        switch self {
        case .event(let change): "event \(change.rawValue)"
        case .message(let name): "message \(name)"
        case .opened(let stream): "opened \(stream)"
        case .bytes(let stream, let offset, let count, let wrongAt):
            "bytes \(stream) \(offset) \(count)" + (wrongAt.map { " \($0)" } ?? "")
        case .finished(let stream): "finished \(stream)"
        }
    }

    fileprivate init?(words: ArraySlice<String>) {
        let words = Array(words)
        switch words[0] {
        case "event":
            guard let change = UInt32(words[1]).flatMap(LinkPeerEvent.Change.init) else { return nil }
            self = .event(change)
        case "message": self = .message(words[1])
        case "opened", "finished":
            guard let stream = StreamID(text: words[1]) else { return nil }
            self = words[0] == "opened" ? .opened(stream) : .finished(stream)
        case "bytes":
            guard words.count >= 4, let stream = StreamID(text: words[1]), let offset = UInt64(words[2]),
                let count = UInt64(words[3])
            else { return nil }
            self = .bytes(stream, offset: offset, count: count, wrongAt: words.count > 4 ? UInt64(words[4]) : nil)
        default: return nil
        }
    }
}

extension StreamID {
    /// Reads what `description` writes.
    fileprivate init?(text: String) {
        let parts = text.split(separator: "-")
        guard parts.count == 2, let replica = UInt64(parts[0], radix: 16), let counter = UInt64(parts[1], radix: 16)
        else { return nil }
        self.init(replica: replica, counter: counter)
    }
}

/// One write to the database's table of sessions, as its trigger saw it.
struct HistoryWrite: Equatable, Sendable {
    enum Kind: String, Sendable {
        case inserted = "INSERT"
        case updated = "UPDATE"
        case deleted = "DELETE"
        /// A worker wrote down a lower epoch than there is, and nothing came of it.
        case refused = "REFUSED"
    }

    /// A row before or after the write.
    struct Row: Equatable, Sendable {
        var epoch: SessionEpoch
        var worker: String
    }

    let kind: Kind
    let session: SessionID
    var old: Row?
    var new: Row?

    init(_ kind: Kind, _ session: SessionID, old: Row? = nil, new: Row? = nil) {
        self.kind = kind
        self.session = session
        self.old = old
        self.new = new
    }

    /// Reads a row that `psql -At` printed: kind, session, old epoch and worker, new epoch and worker.
    init?(line: Substring) {
        let fields = line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6, let kind = Kind(rawValue: fields[0]), let session = UUIDBytes(text: fields[1])
        else { return nil }
        self.init(
            kind, SessionID(session), old: SessionEpoch(fields[2]).map { Row(epoch: $0, worker: fields[3]) },
            new: SessionEpoch(fields[4]).map { Row(epoch: $0, worker: fields[5]) })
    }
}

extension HistoryWrite: CustomStringConvertible {
    var description: String {
        func text(_ row: Row?) -> String {
            row.map { "\($0.epoch) of \($0.worker.isEmpty ? "nobody" : $0.worker)" } ?? "none"
        }
        return "\(kind.rawValue) \(session): \(text(old)) to \(text(new))"
    }
}
