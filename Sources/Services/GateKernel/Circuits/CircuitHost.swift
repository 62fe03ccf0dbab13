import GateCrypto
import GateLink
import GateModel
import GateRelay
import GateSession
import GateStore
import GateTransport
import Logging
import NIOCore
import Synchronization

/// Begins this node's parts in circuits: as origin on request, as relay or destination where neighbours ask.
final class CircuitHost: Sendable {
    let host: SessionHost
    private let reacher = Mutex<(any CircuitReacher)?>(nil)
    private let allowance = Mutex(CircuitAllowance())

    init(host: SessionHost) { self.host = host }

    func use(_ reacher: any CircuitReacher) { self.reacher.withLock { $0 = reacher } }

    /// Finds sessions for circuits; `nil` while the worker starts.
    var reach: (any CircuitReacher)? { reacher.withLock { $0 } }

    var limits: RelayLimits {
        let settings = host.table.settings
        var limits = RelayLimits()
        limits.circuitsPerPeer = settings[NodeSettings.circuitsPerPeer]
        limits.circuitsTotal = settings[NodeSettings.circuitsMaximum]
        limits.buildTime = settings[NodeSettings.circuitTimeout]
        limits.extendsPerCircuit = settings[NodeSettings.relayDialsPerCircuit]
        limits.idleTime = settings[NodeSettings.circuitIdle]
        return limits
    }

    /// A circuit of that neighbour's that was begun here is over.
    func ended(by opener: CircuitAllowance.Opener) { allowance.withLock { $0.closed(by: opener) } }

    /// A neighbour opened a circuit over its session; `nil` refuses it, else ``ended(by:)`` follows. On the session's
    /// loop.
    func begin(_ kind: CellKind?, circuit: UInt32, on session: SessionEndpoint) -> (any CircuitParty)? {
        let limits = limits
        guard let context = host.context(of: session.eventLoop), let reacher = reach,
            !session.isRelayed, let kind, mayBegin(kind),
            allowance.withLock({ $0.opened(by: session.opener, within: limits, at: SystemClock.now()) })
        else { return nil }
        return kind == .create
            ? RelayParty(circuit: circuit, on: session, context: context, limits: limits, reacher: reacher)
            : DestinationParty(circuit: circuit, on: session, host: host, context: context, limits: limits)
    }

    private func mayBegin(_ kind: CellKind) -> Bool {
        switch kind {
        case .create: host.table.settings[NodeSettings.relayEnabled]
        case .open: true
        case .created, .relay: false
        }
    }

    /// Builds a circuit over a session with its first relay, and an end-to-end session inside.
    func build(
        over session: SessionEndpoint, _ path: [NodeRecord], to destination: NodeRecord, anonymous: Bool
    ) async -> Result<SessionEndpoint, ConnectFault> {
        guard let context = host.context(of: session.eventLoop) else { return .failure(.overloaded) }
        let outcome = session.eventLoop.makePromise(of: SessionEndpoint.self)
        let limits = limits
        let host = host
        session.eventLoop.execute {
            OriginParty.begin(
                over: session, path, to: destination, anonymous: anonymous, host: host, context: context,
                limits: limits, outcome: outcome)
        }
        do {
            let built = try await outcome.futureResult.get()
            host.kernel.metrics.circuitsBuilt.add()
            return .success(built)
        } catch {
            host.kernel.metrics.circuitsFailed.add()
            return .failure(fault(error, path, to: destination))
        }
    }

    private func fault(_ error: any Error, _ path: [NodeRecord], to destination: NodeRecord) -> ConnectFault {
        switch error {
        case let failed as FailedBuild:
            return ConnectFault(.unreachable, failed.reason, blame: failed.blame(path, to: destination))
        case let failure as SessionFailure: return ConnectFault(failure)
        default: return ConnectFault(.unreachable, "\(error)")
        }
    }

    /// Every circuit of the worker, as `circuits` shows it.
    func descriptions(on contexts: [LoopContext]) async -> [CircuitDescription] {
        var all: [CircuitDescription] = []
        for context in contexts {
            all += (try? await context.eventLoop.submit { context.circuitDescriptions }.get()) ?? []
        }
        return all
    }
}
