import GateLink
import GateModel

/// Judges what acceptors and the database wrote down while workers were killed, stopped and cut off. Pure: what it is
/// given in, what it found out.
///
/// - Nothing is taken from an epoch of a session below the highest that the acceptor was told of.
/// - An epoch of a session is one worker's: by every replica, and by the database, which gave it to it, once.
/// - A stream has one accepting replica; its bytes come once, in order, and to its end where it ended.
/// - A message comes once.
struct HistoryChecker {
    /// Which rule was broken.
    enum Rule: String, Sendable, CaseIterable {
        case staleBytes, staleMessage, staleEvent, staleOpen, staleWrite
        case twoWorkersInOneEpoch, takenOverTwice, epochNotGiven
        case wrongByte, bytesLost, bytesRepeated, streamAtTwoReplicas, messageRepeated
    }

    struct Violation: Equatable, Sendable, CustomStringConvertible {
        let rule: Rule
        /// Who accepted it.
        let acceptor: String
        let what: String

        var description: String { "\(rule.rawValue) at \(acceptor): \(what)" }
    }

    /// Who wrote a journal.
    enum Acceptor: Hashable, Sendable, CustomStringConvertible {
        /// A replica of the extender at the node under test.
        case replica(Int)
        /// A node of its own that dials the one under test; its worker is its own.
        case peer(Int)

        var description: String {
            switch self {
            case .replica(let number): "replica \(number)"
            case .peer(let number): "peer \(number)"
            }
        }
    }

    struct Figures: Equatable, Sendable {
        /// Epochs that the database gave.
        var takeovers = 0
        var bytesChecked: UInt64 = 0
        var messagesChecked = 0
        /// Streams that peers opened, and those that came to their end with every byte.
        var streams = 0
        var streamsWhole = 0
        /// What came from a superseded worker, by kind, and was refused.
        var refusedBytes: UInt64 = 0
        var refusedFrames = 0
        var refusedEvents = 0
        var refusedWrites = 0
    }

    private(set) var figures = Figures()
    /// The first of them; ``violationCount`` counts all.
    private(set) var violations: [Violation] = []
    private(set) var violationCount = 0

    static let violationsKept = 100

    private var seen: [Acceptor: [SessionID: SessionEpoch]] = [:]
    private var holders: [Stand: (worker: String, acceptor: Acceptor)] = [:]
    private var given = GivenEpochs()
    private var flows: [Flow: FlowState] = [:]
    private var replicaOf: [StreamID: Acceptor] = [:]
    private var sent: [StreamID: UInt64] = [:]
    private var messages: Set<MessageKey> = []

    private struct Stand: Hashable {
        let session: SessionID
        let epoch: SessionEpoch
    }

    /// One direction of a stream.
    private struct Flow: Hashable {
        let stream: StreamID
        let isToNode: Bool
    }

    private struct FlowState {
        var count: UInt64 = 0
        var isFinished = false
    }

    private struct MessageKey: Hashable {
        let name: String
        let isToNode: Bool
    }

    // MARK: Journals

    /// The next record of an acceptor's journal.
    mutating func take(_ record: HistoryRecord, of acceptor: Acceptor) {
        switch record {
        case .sent(let stream, let count): sent[stream] = count
        case .arrival(let arrival): take(arrival, of: acceptor)
        }
    }

    private mutating func take(_ arrival: HistoryRecord.Arrival, of acceptor: Acceptor) {
        let highest = seen[acceptor]?[arrival.session] ?? arrival.epoch
        let isStale = arrival.epoch < highest
        seen[acceptor, default: [:]][arrival.session] = max(highest, arrival.epoch)
        guard arrival.isTaken else {
            if isStale { count(refused: arrival.what) }
            return
        }
        if isStale {
            fail(arrival.what.staleRule, acceptor, "\(arrival) after epoch \(highest)")
        }
        holds(arrival, acceptor)
        switch arrival.what {
        case .event: break
        case .opened(let stream): place(stream, acceptor)
        case .message(let name): takeMessage(name, acceptor)
        case .bytes(let stream, let offset, let count, let wrongAt):
            place(stream, acceptor)
            takeBytes(stream, offset, count, wrongAt, acceptor)
        case .finished(let stream): finish(stream, acceptor)
        }
    }

    private mutating func count(refused what: HistoryRecord.What) {
        switch what {
        case .event: figures.refusedEvents += 1
        case .message, .opened, .finished: figures.refusedFrames += 1
        case .bytes(_, _, let count, _):
            figures.refusedFrames += 1
            figures.refusedBytes += count
        }
    }

    /// At the node under test an epoch is one worker's; a peer knows its own worker only.
    private mutating func holds(_ arrival: HistoryRecord.Arrival, _ acceptor: Acceptor) {
        guard case .replica = acceptor else { return }
        let stand = Stand(session: arrival.session, epoch: arrival.epoch)
        guard let holder = holders[stand] else {
            holders[stand] = (arrival.worker, acceptor)
            return
        }
        guard holder.worker != arrival.worker else { return }
        fail(.twoWorkersInOneEpoch, acceptor, "\(arrival), which \(holder.worker) had at \(holder.acceptor)")
    }

    private mutating func place(_ stream: StreamID, _ acceptor: Acceptor) {
        guard case .replica = acceptor else { return }
        if let other = replicaOf[stream], other != acceptor {
            fail(.streamAtTwoReplicas, acceptor, "\(stream), which is at \(other)")
        }
        replicaOf[stream] = acceptor
    }

    private mutating func takeMessage(_ name: String, _ acceptor: Acceptor) {
        figures.messagesChecked += 1
        let isNew = messages.insert(MessageKey(name: name, isToNode: acceptor.isAtNode)).inserted
        if !isNew { fail(.messageRepeated, acceptor, name) }
    }

    private mutating func takeBytes(
        _ stream: StreamID, _ offset: UInt64, _ count: UInt64, _ wrongAt: UInt64?, _ acceptor: Acceptor
    ) {
        let flow = Flow(stream: stream, isToNode: acceptor.isAtNode)
        let known = flows[flow, default: FlowState()].count
        if offset > known { fail(.bytesLost, acceptor, "\(stream) goes on at \(offset) after \(known)") }
        if offset < known { fail(.bytesRepeated, acceptor, "\(stream) goes on at \(offset) after \(known)") }
        if let wrongAt { fail(.wrongByte, acceptor, "\(stream) at \(wrongAt)") }
        figures.bytesChecked += count
        flows[flow, default: FlowState()].count = offset + count
    }

    private mutating func finish(_ stream: StreamID, _ acceptor: Acceptor) {
        flows[Flow(stream: stream, isToNode: acceptor.isAtNode), default: FlowState()].isFinished = true
    }

    // MARK: The database

    /// The next write to the database's table of sessions.
    mutating func take(_ write: HistoryWrite) {
        if write.kind == .refused {
            figures.refusedWrites += 1
            return
        }
        for finding in given.take(write) { fail(finding.rule, "the database", finding.what) }
        figures.takeovers = given.takeoverCount
    }

    // MARK: The end

    /// Looks at what only shows when all journals and writes were taken.
    mutating func end() {
        figures.streams = Set(flows.keys.map(\.stream)).union(sent.keys).count
        for (stream, count) in sent { end(stream, count) }
        for (stand, holder) in holders where !given.agrees(stand.session, stand.epoch, holder.worker) {
            fail(.epochNotGiven, "\(holder.acceptor)", "\(stand.session) at \(stand.epoch) of \(holder.worker)")
        }
    }

    private mutating func end(_ stream: StreamID, _ count: UInt64) {
        let there = flows[Flow(stream: stream, isToNode: true)] ?? FlowState()
        let back = flows[Flow(stream: stream, isToNode: false)] ?? FlowState()
        for (flow, name) in [(there, "to the node"), (back, "back")] where flow.isFinished && flow.count != count {
            fail(
                flow.count < count ? .bytesLost : .bytesRepeated, "its end",
                "\(stream) \(name): \(flow.count) of \(count) bytes")
        }
        if there.isFinished, back.isFinished, there.count == count, back.count == count { figures.streamsWhole += 1 }
    }

    private mutating func fail(_ rule: Rule, _ acceptor: some CustomStringConvertible, _ what: String) {
        violationCount += 1
        guard violations.count < Self.violationsKept else { return }
        violations.append(Violation(rule: rule, acceptor: "\(acceptor)", what: what))
    }
}

extension HistoryChecker.Acceptor {
    fileprivate var isAtNode: Bool {
        switch self {
        case .replica: true
        case .peer: false
        }
    }
}

extension HistoryRecord.What {
    fileprivate var staleRule: HistoryChecker.Rule {
        switch self {
        case .event: .staleEvent
        case .message: .staleMessage
        case .opened: .staleOpen
        case .bytes, .finished: .staleBytes
        }
    }
}

extension HistoryRecord.Arrival: CustomStringConvertible {
    var description: String { HistoryRecord.arrival(self).line }
}

/// Which worker the database gave which epoch of which session, by its writes in their order.
struct GivenEpochs {
    struct Finding: Equatable {
        let rule: HistoryChecker.Rule
        let what: String
    }

    private struct Session {
        /// The worker of each epoch, from 0 on.
        var workers: [String] = []
        var highest: SessionEpoch { SessionEpoch(workers.count - 1) }
    }

    private var sessions: [SessionID: Session] = [:]
    private(set) var takeoverCount = 0

    /// What a write breaks.
    mutating func take(_ write: HistoryWrite) -> [Finding] {
        switch write.kind {
        case .refused: return []
        case .deleted: return end(write)
        case .inserted, .updated:
            guard let row = write.new else { return [] }
            return row.worker.isEmpty ? end(write) : enter(row, write)
        }
    }

    /// A row goes, or is no worker's any more.
    private func end(_ write: HistoryWrite) -> [Finding] {
        guard let old = write.old, let known = sessions[write.session], old.epoch < known.highest else { return [] }
        return [Finding(rule: .staleWrite, what: "\(write)")]
    }

    private mutating func enter(_ row: HistoryWrite.Row, _ write: HistoryWrite) -> [Finding] {
        guard var known = sessions[write.session] else {
            // Its first epoch is what the worker that had it first wrote down.
            guard row.epoch == 0 else { return [Finding(rule: .epochNotGiven, what: "\(write)")] }
            sessions[write.session] = Session(workers: [row.worker])
            return []
        }
        if row.epoch < known.highest { return [Finding(rule: .staleWrite, what: "\(write)")] }
        if row.epoch == known.highest {
            let isRaised = write.kind == .updated && write.old.map { $0.epoch < row.epoch } ?? false
            if isRaised { return [Finding(rule: .takenOverTwice, what: "\(write)")] }
            let isSame = known.workers.last == row.worker
            return isSame ? [] : [Finding(rule: .twoWorkersInOneEpoch, what: "\(write)")]
        }
        guard row.epoch == known.highest + 1, write.old?.epoch == known.highest else {
            return [Finding(rule: .epochNotGiven, what: "\(write)")]
        }
        known.workers.append(row.worker)
        sessions[write.session] = known
        takeoverCount += 1
        return []
    }

    /// Whether the database gave the worker that epoch. A session's first may end before it is written down.
    func agrees(_ session: SessionID, _ epoch: SessionEpoch, _ worker: String) -> Bool {
        guard let known = sessions[session] else { return epoch == 0 }
        guard epoch <= known.highest else { return false }
        return known.workers[Int(epoch)] == worker
    }
}
