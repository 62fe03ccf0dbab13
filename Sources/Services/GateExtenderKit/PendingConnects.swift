import GateLink
import GateModel
import NIOCore

/// Connects that a kernel has not yet answered.
struct PendingConnects {
    /// The most at once on one link.
    static let countMax = 4096

    private struct Pending {
        let promise: EventLoopPromise<SessionID>
        let deadline: Scheduled<Void>
    }

    private var pending: [UInt32: Pending] = [:]
    private var nextID: UInt32 = 1

    /// Takes a number for a connect; `nil` where too many wait.
    mutating func begin(_ promise: EventLoopPromise<SessionID>, deadline: Scheduled<Void>, id: UInt32) {
        pending[id] = Pending(promise: promise, deadline: deadline)
    }

    /// The number of the next connect; `nil` where too many wait.
    mutating func takeID() -> UInt32? {
        guard pending.count < Self.countMax else { return nil }
        while pending[nextID] != nil || nextID == 0 { nextID &+= 1 }
        defer { nextID &+= 1 }
        return nextID
    }

    mutating func succeed(_ success: ConnectSuccess) {
        guard let settled = pending.removeValue(forKey: success.id) else { return }
        settled.deadline.cancel()
        settled.promise.succeed(success.session)
    }

    mutating func fail(_ failure: ConnectFailure) {
        fail(failure.id, ExtenderFailure(failure))
    }

    mutating func fail(_ id: UInt32, _ failure: ExtenderFailure) {
        guard let settled = pending.removeValue(forKey: id) else { return }
        settled.deadline.cancel()
        settled.promise.fail(failure)
    }

    mutating func failAll() {
        let all = pending.values
        pending = [:]
        for settled in all {
            settled.deadline.cancel()
            settled.promise.fail(ExtenderFailure(.noWorker, "the link to the worker broke"))
        }
    }
}

extension ExtenderFailure {
    fileprivate init(_ failure: ConnectFailure) {
        switch failure.code {
        case .unknownPeer: self.init(.unknownPeer, failure.reason)
        case .unreachable: self.init(.unreachable, failure.reason)
        case .refused: self.init(.refused, failure.reason)
        case .timedOut: self.init(.timedOut, failure.reason)
        case .noRoute: self.init(.noRoute, failure.reason)
        case .notAccepted: self.init(.notAccepted, failure.reason)
        case .overloaded: self.init(.overloaded, failure.reason)
        }
    }
}

extension WorkerLink {
    /// Asks the worker for a session; the promise is answered by the worker, the deadline or the link's end.
    func connect(
        to target: NodeUUID, route: PeerRoute, anonymous: Bool, isolation: String, deadline: Duration,
        _ promise: EventLoopPromise<SessionID>
    ) {
        guard isOpen, let id = connects.takeID() else {
            return promise.fail(ExtenderFailure(isOpen ? .overloaded : .noWorker))
        }
        let milliseconds =
            UInt32(clamping: deadline.components.seconds * 1000)
            &+ UInt32(
                clamping: deadline.components.attoseconds / 1_000_000_000_000_000)
        let timer = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds) + 250)) {
            [weak self] in
            guard let self else { return }
            connects.fail(id, ExtenderFailure(.timedOut))
        }
        connects.begin(promise, deadline: timer, id: id)
        send(
            .connect(
                ConnectRequest(
                    id: id, target: target, route: route.connectRoute, anonymous: anonymous, isolation: isolation,
                    deadlineMilliseconds: milliseconds)))
        flush()
    }
}
