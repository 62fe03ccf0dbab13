import CPostgres
import Foundation

/// One connection of libpq, used by one thread, which it blocks. Statements are prepared at their first use.
///
/// Every wait has a deadline. After a failure that `isBroken` tells of the connection is of no more use.
final class PostgresConnection {
    private let handle: OpaquePointer
    private var prepared: [String: String] = [:]
    private var preparedCount = 0
    /// Whether something is unanswered for ever, or the other side is gone.
    private(set) var isBroken = false

    /// Connects, host after host, and brings the session into the form that the statements count on.
    init(to target: PostgresTarget, by deadline: PostgresDeadline) throws(PostgresFailure) {
        let parameters = target.parameters(password: try target.password())
        let handle = PostgresConnection.connect(parameters)
        guard let handle else { throw .unreachable("no memory") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0 else {
            let reason = String(cString: PQerrorMessage(handle))
            throw .unreachable(reason.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        for setting in PostgresConnection.session { _ = try execute(setting, [], by: deadline) }
    }

    deinit { PQfinish(handle) }

    /// A call's wait, plus what a lost replica may hold up others.
    private static let session = [
        "SET search_path TO quantumgate",
        "SET statement_timeout TO '10s'",
        "SET lock_timeout TO '5s'",
        "SET idle_in_transaction_session_timeout TO '10s'",
        "SET default_transaction_isolation TO 'read committed'",
        // A write that was reported must be there after a crash, whatever the role's default is.
        """
        SELECT set_config('synchronous_commit', 'on', false)::text
        WHERE current_setting('synchronous_commit') = 'off'
        """,
    ]

    private static func connect(_ parameters: [(String, String)]) -> OpaquePointer? {
        let names = parameters.map { strdup($0.0) }
        let values = parameters.map { strdup($0.1) }
        defer {
            for name in names { free(name) }
            for value in values.compactMap({ $0 }) {
                explicit_bzero(value, strlen(value))
                free(value)
            }
        }
        return PQconnectdbParams(
            names.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 1)
    }

    /// The socket, for those who wait for more than this connection.
    var descriptor: CInt { PQsocket(handle) }

    /// Runs one statement and returns its rows.
    func execute(
        _ sql: String, _ parameters: [PostgresValue], by deadline: PostgresDeadline
    ) throws(PostgresFailure) -> PostgresRows {
        let name = try preparedName(of: sql, by: deadline)
        try send(name, parameters)
        return try onlyResult(by: deadline)
    }

    /// Runs one statement for each list of parameters, all sent before the first answer is waited for; how many rows
    /// each wrote. Stops at the first failure: within a transaction nothing of it happens then.
    func executeAll(
        _ sql: String, _ lists: [[PostgresValue]], by deadline: PostgresDeadline
    ) throws(PostgresFailure) -> [Int] {
        guard !lists.isEmpty else { return [] }
        let name = try preparedName(of: sql, by: deadline)
        guard PQenterPipelineMode(handle) == 1 else { throw broken() }
        for list in lists { try send(name, list) }
        try sync()
        var failure: PostgresFailure?
        var counts: [Int] = []
        for _ in lists {
            guard let result = try nextResult(by: deadline) else { throw broken() }
            if failure == nil { failure = refusal(result) }
            counts.append(PostgresRows(taking: result).affectedCount)
            PQclear(try nextResult(by: deadline))  // the null that ends a statement's results
        }
        PQclear(try nextResult(by: deadline))  // the synchronisation point's
        guard PQexitPipelineMode(handle) == 1 else { throw broken() }
        if let failure { throw failure }
        return counts
    }

    /// Runs a script of several statements without parameters, as one transaction.
    func run(script: String, by deadline: PostgresDeadline) throws(PostgresFailure) {
        guard PQsendQuery(handle, script) == 1 else { throw broken() }
        _ = try onlyResult(by: deadline)
    }

    private func preparedName(of sql: String, by deadline: PostgresDeadline) throws(PostgresFailure) -> String {
        if let name = prepared[sql] { return name }
        let name = freshName()
        guard PQsendPrepare(handle, name, sql, 0, nil) == 1 else { throw broken() }
        _ = try onlyResult(by: deadline)
        prepared[sql] = name
        return name
    }

    private func freshName() -> String {
        preparedCount += 1
        return "s\(preparedCount)"
    }

    /// The one statement's result, once all that belongs to it has come.
    private func onlyResult(by deadline: PostgresDeadline) throws(PostgresFailure) -> PostgresRows {
        var rows: PostgresRows?
        var failure: PostgresFailure?
        while let result = try nextResult(by: deadline) {
            if failure == nil { failure = refusal(result) }
            rows = PostgresRows(taking: result)
        }
        if let failure { throw failure }
        guard let rows else { throw broken() }
        return rows
    }

    private func nextResult(by deadline: PostgresDeadline) throws(PostgresFailure) -> OpaquePointer? {
        while true {
            let isUnsent = try flush()
            guard PQisBusy(handle) == 1 else { return PQgetResult(handle) }
            try wait(toWrite: isUnsent, by: deadline)
            try consume()
        }
    }

    private func wait(toWrite: Bool, by deadline: PostgresDeadline) throws(PostgresFailure) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN | (toWrite ? POLLOUT : 0)), revents: 0)
        while true {
            let count = poll(&entry, 1, deadline.millisecondsLeft)
            if count > 0 { return }
            guard count < 0, errno == EINTR else {
                isBroken = true
                throw .late
            }
        }
    }

    private func broken() -> PostgresFailure {
        isBroken = true
        return .lost
    }
}

/// The steps of a pipeline, for `PostgresReader`, which waits for more than one connection's answers.
extension PostgresConnection {
    /// Begins to send many statements without waiting for answers.
    func beginPipeline() throws(PostgresFailure) {
        guard PQenterPipelineMode(handle) == 1 else { throw broken() }
    }

    /// Whether a statement must be prepared before it can be sent; answers once with `true`.
    func needsPreparation(_ sql: String) -> Bool { prepared[sql] == nil }

    /// The statement's preparation failed: it is needed anew.
    func forgetPreparation(of sql: String) { prepared[sql] = nil }

    /// Sends what prepares a statement; its result comes like every other.
    func sendPreparation(of sql: String) throws(PostgresFailure) {
        let name = freshName()
        guard PQsendPrepare(handle, name, sql, 0, nil) == 1 else { throw broken() }
        prepared[sql] = name
    }

    /// Sends a statement that is prepared, or whose preparation was sent.
    func sendPrepared(_ sql: String, _ parameters: [PostgresValue]) throws(PostgresFailure) {
        guard let name = prepared[sql] else { throw broken() }
        try send(name, parameters)
    }

    /// Ends a batch: what fails in it takes what follows up to here along, and nothing behind.
    func sync() throws(PostgresFailure) {
        guard PQpipelineSync(handle) == 1 else { throw broken() }
    }

    /// Writes what the socket takes; whether something is left.
    func flush() throws(PostgresFailure) -> Bool {
        let left = PQflush(handle)
        guard left >= 0 else { throw broken() }
        return left == 1
    }

    /// Reads what has come.
    func consume() throws(PostgresFailure) {
        guard PQconsumeInput(handle) == 1 else { throw broken() }
        if PQstatus(handle) != CONNECTION_OK { throw broken() }
    }

    /// What has come next.
    enum Arrival {
        case nothing
        case end
        case synchronised
        case aborted
        case rows(PostgresRows)
        case failed(PostgresFailure)
    }

    /// Takes the next result that is here as a whole. `.end` ends the results of each statement.
    func arrival() -> Arrival {
        guard PQisBusy(handle) == 0 else { return .nothing }
        guard let result = PQgetResult(handle) else { return .end }
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            return .synchronised
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            return .aborted
        default:
            guard let failure = refusal(result) else { return .rows(PostgresRows(taking: result)) }
            PQclear(result)
            return .failed(failure)
        }
    }

    /// Takes every notification that has come; whether there was one.
    func takeNotifications() -> Bool {
        var isTold = false
        while let notification = PQnotifies(handle) {
            PQfreemem(notification)
            isTold = true
        }
        return isTold
    }

    fileprivate func send(_ name: String, _ parameters: [PostgresValue]) throws(PostgresFailure) {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        var isNull: [Bool] = []
        for parameter in parameters {
            isNull.append(!parameter.write(to: &bytes))
            ends.append(bytes.count)
        }
        bytes.append(0)  // so that there is an address even of nothing
        let lengths = ends.indices.map { CInt(ends[$0] - ($0 == 0 ? 0 : ends[$0 - 1])) }
        let formats = [CInt](repeating: 1, count: parameters.count)
        let isSent = bytes.withUnsafeBytes { buffer in
            let values = ends.indices.map { index -> UnsafePointer<CChar>? in
                guard !isNull[index] else { return nil }
                return buffer.baseAddress.map { base in
                    (base + (index == 0 ? 0 : ends[index - 1])).assumingMemoryBound(to: CChar.self)
                }
            }
            return PQsendQueryPrepared(handle, name, CInt(parameters.count), values, lengths, formats, 1)
        }
        guard isSent == 1 else { throw broken() }
    }

    /// Why a result is none; `nil` where it is one. Closes the connection's use where the server ended it.
    fileprivate func refusal(_ result: OpaquePointer) -> PostgresFailure? {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return nil
        case PGRES_PIPELINE_ABORTED: return .refused(code: "25P02")
        default:
            guard let code = PQresultErrorField(result, CInt(UnicodeScalar("C").value)) else { return broken() }
            let failure = PostgresFailure.refused(code: String(cString: code))
            if failure.endsConnection { isBroken = true }
            return failure
        }
    }
}

/// A moment after which nobody waits any more.
struct PostgresDeadline: Sendable {
    private let end: ContinuousClock.Instant

    /// In so much time from now.
    static func after(_ duration: Duration) -> PostgresDeadline { PostgresDeadline(end: .now + duration) }

    /// What is left, for `poll`; 0 where it is over.
    var millisecondsLeft: CInt {
        let left = ContinuousClock.now.duration(to: end).components
        guard left.seconds >= 0, left.attoseconds >= 0 else { return 0 }
        return CInt(clamping: left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1)
    }

    /// Whether it is over.
    var isOver: Bool { ContinuousClock.now >= end }

    /// The earlier one.
    static func earlier(_ one: PostgresDeadline, _ other: PostgresDeadline) -> PostgresDeadline {
        one.end < other.end ? one : other
    }

    /// Whether so much time is left.
    func leaves(_ duration: Duration) -> Bool { ContinuousClock.now + duration < end }
}
