import GateLink
import GateModel
import Testing

@testable import GateCommand

/// Journals and writes as they are given to a checker.
struct History {
    var journals: [HistoryChecker.Acceptor: [HistoryRecord]] = [:]
    var writes: [HistoryWrite] = []

    static let recorded = History(
        [
            .peer(2): RecordedHistory.peer, .replica(1): RecordedHistory.replica1,
            .replica(2): RecordedHistory.replica2,
        ], database: RecordedHistory.database)

    init(_ journals: [HistoryChecker.Acceptor: String], database: String = "") {
        self.journals = journals.mapValues { $0.split(separator: "\n").compactMap { HistoryRecord(line: $0) } }
        writes = database.split(separator: "\n").compactMap { HistoryWrite(line: $0) }
    }

    var judged: HistoryChecker {
        var checker = HistoryChecker()
        for acceptor in journals.keys.sorted(by: { "\($0)" < "\($1)" }) {
            for record in journals[acceptor] ?? [] { checker.take(record, of: acceptor) }
        }
        for write in writes { checker.take(write) }
        checker.end()
        return checker
    }

    var rulesBroken: Set<HistoryChecker.Rule> { Set(judged.violations.map(\.rule)) }

    /// One history for each arrival that `change` has something to put in place of.
    func mutated(_ change: (HistoryRecord.Arrival, HistoryChecker.Acceptor) -> [HistoryRecord]?) -> [History] {
        journals.flatMap { acceptor, records in
            records.indices.compactMap { index in
                guard case .arrival(let arrival) = records[index], let other = change(arrival, acceptor) else {
                    return nil
                }
                var history = self
                history.journals[acceptor]?.replaceSubrange(index...index, with: other)
                return history
            }
        }
    }

    /// One history for each write that `change` has something to put in place of.
    func mutated(_ change: (HistoryWrite) -> [HistoryWrite]?) -> [History] {
        writes.indices.compactMap { index in
            guard let other = change(writes[index]) else { return nil }
            var history = self
            history.writes.replaceSubrange(index...index, with: other)
            return history
        }
    }
}

@Suite struct HistoryCheckerTests {
    private let recorded = History.recorded

    @Test func `a recorded history breaks no rule`() {
        let checker = recorded.judged
        #expect(checker.violations == [])
        #expect(checker.figures.takeovers == 5)
        #expect(checker.figures.streams == 2)
        #expect(checker.figures.streamsWhole == 2)
        #expect(checker.figures.bytesChecked == 2 * (450_000 + 414_000))
        #expect(checker.figures.refusedBytes == 174_000)
        #expect(checker.figures.refusedWrites > 0)
    }

    @Test func `records are what their lines say`() {
        for text in [RecordedHistory.peer, RecordedHistory.replica1, RecordedHistory.replica2] {
            for line in text.split(separator: "\n") { #expect(HistoryRecord(line: line)?.line == String(line)) }
        }
        #expect(HistoryRecord(line: "took nothing") == nil)
        #expect(HistoryWrite(line: "INSERT|x") == nil)
    }

    // MARK: Recorded histories, changed

    @Test func `anything of a superseded worker that is taken is found, whatever it is`() {
        let changed = recorded.mutated { (arrival, acceptor) -> [HistoryRecord]? in
            guard !arrival.isTaken, case .replica = acceptor else { return nil }
            var taken = arrival
            taken.isTaken = true
            return [.arrival(taken)]
        }
        #expect(changed.count > 8)
        for history in changed { #expect(!history.rulesBroken.isDisjoint(with: HistoryChecker.Rule.stale)) }
    }

    @Test func `bytes and messages of an epoch before the one that was seen are found`() {
        let changed = recorded.mutated { (arrival, _) -> [HistoryRecord]? in
            guard arrival.isTaken, arrival.epoch > 0, !arrival.what.isEvent else { return nil }
            var older = arrival
            older.epoch -= 1
            return [.arrival(older)]
        }
        #expect(changed.count > 20)
        for history in changed { #expect(!history.rulesBroken.isDisjoint(with: HistoryChecker.Rule.stale)) }
    }

    @Test func `a second worker in an epoch is found`() {
        let changed = recorded.mutated { (arrival, acceptor) -> [HistoryRecord]? in
            guard arrival.isTaken, case .replica = acceptor else { return nil }
            var other = arrival
            other.worker = "kernel-9"
            return [.arrival(other)]
        }
        #expect(changed.count > 40)
        for history in changed { #expect(history.rulesBroken.contains(.twoWorkersInOneEpoch)) }
    }

    @Test func `a piece that is lost is found`() {
        let changed = recorded.mutated { (arrival, _) -> [HistoryRecord]? in arrival.isBytesTaken ? [] : nil }
        #expect(changed.count > 20)
        for history in changed { #expect(history.rulesBroken.contains(.bytesLost)) }
    }

    @Test func `a piece or a message that comes twice is found`() {
        let pieces = recorded.mutated { (arrival, _) -> [HistoryRecord]? in
            arrival.isBytesTaken ? [.arrival(arrival), .arrival(arrival)] : nil
        }
        for history in pieces { #expect(history.rulesBroken.contains(.bytesRepeated)) }
        let messages = recorded.mutated { (arrival, _) -> [HistoryRecord]? in
            guard arrival.isTaken, case .message = arrival.what else { return nil }
            return [.arrival(arrival), .arrival(arrival)]
        }
        #expect(messages.count > 5)
        for history in messages { #expect(history.rulesBroken == [.messageRepeated]) }
    }

    @Test func `a byte that does not belong there is found`() {
        let changed = recorded.mutated { (arrival, _) -> [HistoryRecord]? in
            guard arrival.isTaken, case .bytes(let stream, let offset, let count, _) = arrival.what else { return nil }
            var wrong = arrival
            wrong.what = .bytes(stream, offset: offset, count: count, wrongAt: offset + 7)
            return [.arrival(wrong)]
        }
        for history in changed { #expect(history.rulesBroken == [.wrongByte]) }
    }

    @Test func `a stream at two replicas is found`() {
        var history = recorded
        history.journals[.replica(2), default: []] += history.journals[.replica(1), default: []].filter { record in
            guard case .arrival(let arrival) = record, case .opened = arrival.what else { return false }
            return true
        }
        #expect(history.rulesBroken.contains(.streamAtTwoReplicas))
    }

    @Test func `a write of a superseded worker that counts is found`() {
        let changed = recorded.mutated { write -> [HistoryWrite]? in
            guard write.kind == .refused else { return nil }
            return [HistoryWrite(.updated, write.session, old: write.old, new: write.new)]
        }
        #expect(changed.count >= 3)
        for history in changed { #expect(history.rulesBroken == [.staleWrite]) }
    }

    @Test func `an epoch that the database gives twice, to whomever, is found`() {
        let changed = recorded.mutated { write -> [HistoryWrite]? in
            guard write.kind == .updated, write.old?.epoch != write.new?.epoch else { return nil }
            return [write, write]
        }
        #expect(changed.count == 5)
        for history in changed { #expect(history.rulesBroken == [.takenOverTwice]) }
    }

    @Test func `an epoch that the database never gave is found`() {
        let changed = recorded.mutated { write -> [HistoryWrite]? in
            write.kind == .updated && write.old?.epoch != write.new?.epoch ? [] : nil
        }
        #expect(changed.count == 5)
        for history in changed { #expect(history.rulesBroken.contains(.epochNotGiven)) }
    }

    // MARK: Histories made by hand

    private static let session = "00000000-0000-0001-0000-000000000001"

    @Test func `a row that comes back at an epoch below the one that it was removed at is found`() {
        let id = Self.session
        let history = History(
            [:],
            database: """
                INSERT|\(id)|||0|kernel-1
                UPDATE|\(id)|0|kernel-1|1|kernel-2
                DELETE|\(id)|1|kernel-2||
                INSERT|\(id)|||0|kernel-1
                """)
        #expect(history.rulesBroken == [.staleWrite])
    }

    @Test(arguments: ["DELETE|ID|0|kernel-1||", "UPDATE|ID|0|kernel-1|0|"])
    func `a row that a superseded worker ends is found`(end: String) {
        let writes = """
            INSERT|ID|||0|kernel-1
            UPDATE|ID|0|kernel-1|1|kernel-2
            \(end)
            """
        #expect(History([:], database: writes.replacing("ID", with: Self.session)).rulesBroken == [.staleWrite])
    }

    @Test func `a row that its worker ends breaks no rule, and is nobody's afterwards`() {
        let writes = """
            INSERT|ID|||0|kernel-1
            UPDATE|ID|0|kernel-1|1|kernel-2
            UPDATE|ID|1|kernel-2|1|
            REFUSED|ID|1||0|kernel-1
            DELETE|ID|1|||
            """.replacing("ID", with: Self.session)
        #expect(History([:], database: writes).rulesBroken == [])
        let back = "\nINSERT|\(Self.session)|||0|kernel-1"
        #expect(History([:], database: writes + back).rulesBroken == [.staleWrite])
    }

    @Test func `an epoch that jumps, and one that changes hands, are found`() {
        let id = Self.session
        let jump = History([:], database: "INSERT|\(id)|||0|kernel-1\nUPDATE|\(id)|0|kernel-1|2|kernel-2")
        #expect(jump.rulesBroken == [.epochNotGiven])
        let hands = History([:], database: "INSERT|\(id)|||0|kernel-1\nUPDATE|\(id)|0|kernel-1|0|kernel-2")
        #expect(hands.rulesBroken == [.twoWorkersInOneEpoch])
    }

    @Test func `an acceptor that only heard of a higher epoch may not take a lower one either`() {
        let id = Self.session
        let history = History([
            .peer(1): """
            took \(id) 0 embedded-1 event 1
            refused \(id) 1 embedded-1 event 5
            took \(id) 0 embedded-1 message 1:1
            """
        ])
        #expect(history.rulesBroken == [.staleMessage])
    }

    @Test func `a stream that ends too early or with too much is found, one that does not end is not`() {
        let id = Self.session
        func history(_ count: Int, _ end: String) -> History {
            History([.peer(1): "sent a-1 20\ntook \(id) 0 embedded-1 bytes a-1 0 \(count)\n\(end)"])
        }
        let end = "took \(id) 0 embedded-1 finished a-1"
        #expect(history(19, end).rulesBroken == [.bytesLost])
        #expect(history(21, end).rulesBroken == [.bytesRepeated])
        #expect(history(19, "").rulesBroken == [])
        #expect(history(20, end).judged.figures.streamsWhole == 0)
    }

    @Test func `a plan is its seed's, and has each kind as often`() {
        let plan = HistoryFault.plan(count: 60, workers: 4, seed: 7)
        #expect(plan == HistoryFault.plan(count: 60, workers: 4, seed: 7))
        #expect(plan != HistoryFault.plan(count: 60, workers: 4, seed: 8))
        for kind in HistoryFault.Kind.allCases { #expect(plan.count { $0.kind == kind } == 10) }
        #expect(plan.allSatisfy { $0.kind != .pause || $0.seconds > HistoryFault.lease })
    }
}

extension HistoryRecord.Arrival {
    fileprivate var isBytesTaken: Bool {
        guard isTaken, case .bytes = what else { return false }
        return true
    }
}

extension HistoryRecord.What {
    fileprivate var isEvent: Bool {
        guard case .event = self else { return false }
        return true
    }
}

extension HistoryChecker.Rule {
    fileprivate static let stale: Set<HistoryChecker.Rule> = [.staleBytes, .staleMessage, .staleEvent, .staleOpen]
}
