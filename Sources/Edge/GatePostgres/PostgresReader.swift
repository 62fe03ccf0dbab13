import DequeModule
import Foundation
import GateStore
import Logging
import Synchronization

/// Point queries of all callers on one connection: each batch that is waiting goes out in one write, many are under way
/// at once, answers come in their order.
///
/// Only statements that change nothing belong here: after a lost connection they are sent again.
final class PostgresReader: Sendable {
    fileprivate struct Query: Sendable {
        let sql: String
        let parameters: [PostgresValue]
        let deadline: PostgresDeadline
        let complete: @Sendable (Result<PostgresRows, PostgresFailure>) -> Void
        var attempts = 0
        /// Something before it failed and took it along: it goes out apart, so that this happens once.
        var isApart = false
    }

    fileprivate struct State {
        var waiting: [Query] = []
        /// All that is not answered, those under way too.
        var count = 0
        var isAsleep = false
        var isClosed = false
        var onEnd: CheckedContinuation<Void, Never>?
    }

    fileprivate let state = Mutex(State())
    fileprivate let bell: Doorbell

    /// Queries that may be unanswered at once; more are refused.
    static let queueMax = 8192

    /// `nil` where the process may open no more files.
    init?(target: PostgresTarget, logger: Logger) {
        guard let bell = Doorbell() else { return nil }
        self.bell = bell
        let thread = Thread { [self] in
            PostgresReader.yieldToWaker()
            PostgresReaderLoop(reader: self, target: target, logger: logger).run()
            state.withLock { $0.onEnd }?.resume()
        }
        thread.name = "postgres-reader"
        thread.start()
    }

    /// Lets whoever wakes this thread run on where both share a processor: it then finds all that an event loop asked in one
    /// go, in place of taking the loop's time for each question. A system that refuses costs smaller batches.
    private static func yieldToWaker() {
        let batch: CInt = 3  // SCHED_BATCH of <sched.h>, which Swift does not see
        var parameters = sched_param()
        _ = sched_setscheduler(0, batch, &parameters)
    }

    /// The rows of one statement.
    func read(
        _ sql: String, _ parameters: [PostgresValue], within duration: Duration
    ) async throws(StoreFailure) -> PostgresRows {
        let result: Result<PostgresRows, PostgresFailure> = await withCheckedContinuation { continuation in
            let query = Query(
                sql: sql, parameters: parameters, deadline: .after(duration),
                complete: { continuation.resume(returning: $0) })
            let (isTaken, mustRing) = state.withLock { state -> (Bool, Bool) in
                guard !state.isClosed, state.count < PostgresReader.queueMax else { return (false, false) }
                state.waiting.append(query)
                state.count += 1
                defer { state.isAsleep = false }
                return (true, state.isAsleep)
            }
            if !isTaken { continuation.resume(returning: .failure(.late)) }
            if mustRing { bell.ring() }
        }
        do { return try result.get() } catch { throw error.storeFailure }
    }

    /// Refuses what waits, and returns once the connection is closed.
    func close() async {
        await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                guard !state.isClosed else { return false }
                (state.isClosed, state.onEnd) = (true, continuation)
                return true
            }
            if isFirst { bell.ring() } else { continuation.resume() }
        }
    }
}

/// What the reader's thread runs.
private final class PostgresReaderLoop {
    private enum Step {
        case preparation(String)
        case query(PostgresReader.Query)
        case synchronisation
    }

    private let reader: PostgresReader
    private let target: PostgresTarget
    private let logger: Logger
    private var connection: PostgresConnection?
    private var backoff = PostgresBackoff()
    private var retryAt = PostgresDeadline.after(.zero)
    private var waiting: [PostgresReader.Query] = []
    private var underWay: Deque<Step> = []
    private var outcome: PostgresConnection.Arrival = .nothing

    /// How often a query is sent before it fails with what it met.
    private static let attemptsMax = 4
    /// SQLSTATE of a statement that is not prepared.
    private static let unprepared = "26000"
    private static let connectTimeout = Duration.seconds(5)

    init(reader: PostgresReader, target: PostgresTarget, logger: Logger) {
        self.reader = reader
        self.target = target
        self.logger = logger
    }

    func run() {
        while take() {
            connectIfNeeded()
            do throws(PostgresFailure) {
                try send()
                try wait()
                try receive()
            } catch {
                lose(error)
            }
            refuseLate()
        }
        connection = nil
        for case .query(let query) in underWay { query.complete(.failure(.lost)) }
        for query in waiting { query.complete(.failure(.lost)) }
    }

    /// Takes what callers asked since the last time; `false` once the reader is closed.
    private func take() -> Bool {
        reader.state.withLock { state in
            if waiting.isEmpty {
                swap(&waiting, &state.waiting)
            } else {
                waiting += state.waiting
                state.waiting.removeAll(keepingCapacity: true)
            }
            return !state.isClosed
        }
    }

    private func connectIfNeeded() {
        guard connection == nil, !waiting.isEmpty, retryAt.isOver else { return }
        do throws(PostgresFailure) {
            let fresh = try PostgresConnection(to: target, by: .after(PostgresReaderLoop.connectTimeout))
            try fresh.beginPipeline()
            backoff.reset()
            connection = fresh
        } catch {
            logger.warning("No connection to the database", metadata: ["reason": "\(error)"])
            retryAt = .after(backoff.next())
        }
    }

    private func send() throws(PostgresFailure) {
        guard let connection, !waiting.isEmpty else { return }
        for query in waiting {
            if connection.needsPreparation(query.sql) {
                try connection.sendPreparation(of: query.sql)
                underWay.append(.preparation(query.sql))
            }
            try connection.sendPrepared(query.sql, query.parameters)
            underWay.append(.query(query))
            if query.isApart { try synchronise(connection) }
        }
        if waiting.last?.isApart == false { try synchronise(connection) }
        waiting.removeAll(keepingCapacity: true)
    }

    private func synchronise(_ connection: PostgresConnection) throws(PostgresFailure) {
        try connection.sync()
        underWay.append(.synchronisation)
    }

    /// Sleeps until the server says something, a caller asks or somebody's time is over.
    private func wait() throws(PostgresFailure) {
        let isUnsent = try connection?.flush() ?? false
        let mayRest = reader.state.withLock { state in
            guard state.waiting.isEmpty, !state.isClosed else { return false }
            state.isAsleep = true
            return true
        }
        let socket = connection.map {
            pollfd(fd: $0.descriptor, events: Int16(POLLIN | (isUnsent ? POLLOUT : 0)), revents: 0)
        }
        var entries =
            [pollfd(fd: reader.bell.descriptor, events: Int16(POLLIN), revents: 0)] + (socket.map { [$0] } ?? [])
        poll(&entries, nfds_t(entries.count), mayRest ? restMilliseconds : 0)
        reader.state.withLock { $0.isAsleep = false }
        if entries[0].revents != 0 { reader.bell.answer() }
        if entries.count > 1, entries[1].revents & Int16(POLLIN | POLLERR | POLLHUP) != 0 { try connection?.consume() }
    }

    private var restMilliseconds: CInt {
        var rest: CInt = -1
        func end(at deadline: PostgresDeadline) {
            let left = deadline.millisecondsLeft
            rest = rest < 0 ? left : min(rest, left)
        }
        for step in underWay {
            guard case .query(let query) = step else { continue }
            end(at: query.deadline)
            break
        }
        if let first = waiting.first {
            end(at: first.deadline)
            if connection == nil { end(at: retryAt) }
        }
        return rest
    }

    private func receive() throws(PostgresFailure) {
        guard let connection else { return }
        while let step = underWay.first {
            let arrival = connection.arrival()
            if connection.isBroken { throw .lost }
            switch (arrival, step) {
            case (.nothing, _): return
            case (.synchronised, .synchronisation): underWay.removeFirst()
            case (.end, .query(let query)):
                underWay.removeFirst()
                settle(query)
            case (.end, .preparation(let sql)):
                underWay.removeFirst()
                if case .rows = outcome { continue }
                connection.forgetPreparation(of: sql)
            case (.end, .synchronisation), (.synchronised, _): throw .lost
            case (.aborted, _), (.rows, _), (.failed, _): outcome = arrival
            }
        }
    }

    private func settle(_ query: PostgresReader.Query) {
        switch outcome {
        case .rows(let rows): answer(query, .success(rows))
        case .failed(.refused(code: PostgresReaderLoop.unprepared)):
            // Its preparation was taken along by a failure of another batch.
            connection?.forgetPreparation(of: query.sql)
            sendAgain(query, after: .lost)
        case .failed(let failure): answer(query, .failure(failure))
        case .aborted:
            var query = query
            query.isApart = true
            waiting.append(query)
        case .nothing, .end, .synchronised: sendAgain(query, after: .lost)
        }
        outcome = .nothing
    }

    private func answer(_ query: PostgresReader.Query, _ result: Result<PostgresRows, PostgresFailure>) {
        reader.state.withLock { $0.count -= 1 }
        query.complete(result)
    }

    private func sendAgain(_ query: PostgresReader.Query, after failure: PostgresFailure) {
        var query = query
        query.attempts += 1
        if query.attempts < PostgresReaderLoop.attemptsMax, !query.deadline.isOver {
            waiting.append(query)
        } else {
            answer(query, .failure(failure))
        }
    }

    /// Everything under way is asked again on a new connection.
    private func lose(_ failure: PostgresFailure) {
        logger.notice("Connection to the database lost", metadata: ["reason": "\(failure)"])
        connection = nil
        retryAt = .after(backoff.next())
        outcome = .nothing
        let steps = underWay
        underWay = []
        for case .query(let query) in steps { sendAgain(query, after: failure) }
    }

    /// A query whose time is over takes its connection along: the answers behind it can't be waited for either.
    private func refuseLate() {
        if case .query(let first) = underWay.first(where: isQuery), first.deadline.isOver { lose(.late) }
        guard waiting.contains(where: \.deadline.isOver) else { return }
        for query in waiting where query.deadline.isOver { answer(query, .failure(.late)) }
        waiting.removeAll(where: \.deadline.isOver)
    }

    private func isQuery(_ step: Step) -> Bool {
        guard case .query = step else { return false }
        return true
    }
}
