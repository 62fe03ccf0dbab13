import GateCrypto
import GateModel
import GateRelay
import GateSession
import GateTransport
import GateWire
import NIOCore

/// This node's part in a circuit of its own.
///
/// `@unchecked Sendable`: touched on the first relay's session's loop only.
final class OriginParty: CircuitCarrier, @unchecked Sendable {
    private var machine: CircuitOrigin?
    private var outcome: EventLoopPromise<SessionEndpoint>?

    /// Begins to build; `outcome` is told whether an end-to-end session came to stand.
    static func begin(
        over session: SessionEndpoint, _ path: [NodeRecord], to destination: NodeRecord, anonymous: Bool,
        host: SessionHost, context: LoopContext, limits: RelayLimits, outcome: EventLoopPromise<SessionEndpoint>
    ) {
        // Over a circuit there is no retry: the destination's record says what it takes.
        guard let suite = context.environment.suites.first(of: destination) else {
            return outcome.fail(FailedBuild(failure: .badPath, joinedCount: 0))
        }
        let owner = SessionOwner(
            host: host, eventLoop: session.eventLoop,
            origin: .init(isRelayed: true, address: nil, awaitsAdmission: !anonymous), outcome: outcome)
        let connection = PeerConnection(
            dialling: destination.node, context: .endToEnd,
            presence: anonymous ? .anonymous : .mutual(context.environment.credentials),
            environment: context.environment, suite: suite)
        let party = OriginParty(over: session, connection: connection, owner: owner, context: context)
        party.outcome = outcome
        guard let circuit = session.enter(party) else {
            context.leave(party)
            return outcome.fail(CircuitFailure.ended(.lost))
        }
        party.machine = CircuitOrigin(
            path: path, destination: destination, circuit: circuit,
            startDepth: Int(context.random.below(UInt64(RelayLimits.startDepthMax + 1))),
            environment: context.environment, limits: limits, at: SystemClock.now())
        party.machine?.begin(
            at: SystemClock.now(), wall: SystemClock.wall(), into: &party.actions)
        party.perform()
        session.flush()
    }

    override var writableByteCount: Int { machine?.writableByteCount ?? 0 }
    override var circuit: UInt32 { machine?.circuit ?? 0 }

    override func send(_ bytes: inout ByteBuffer, at now: MonotonicInstant) {
        machine?.send(&bytes, at: now, into: &actions)
    }

    override func pauseCredit() { machine?.pause() }
    override func resumeCredit() { machine?.resume(into: &actions) }

    override func finishCircuit() { machine?.finish(into: &actions) }

    override func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint) {
        machine?.received(
            cells, at: SystemClock.now(), wall: SystemClock.wall(), into: &actions)
        perform()
    }

    override func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint) {
        machine?.credited(count, into: &actions)
        perform()
    }

    override func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint) {
        machine?.destroyed(CircuitEnd(wire: reason), into: &actions)
        perform()
    }

    override func sessionEnded(circuit: UInt32, on session: SessionEndpoint) {
        machine?.destroyed(.lost, into: &actions)
        perform()
    }

    override func machineDeadlinePassed(at now: MonotonicInstant) { machine?.deadlinePassed(at: now, into: &actions) }

    override func circuitFailed(_ failure: CircuitFailure) {
        outcome?.fail(FailedBuild(failure: failure, joinedCount: machine?.joinedCount ?? 0))
        outcome = nil
    }

    override var description: CircuitDescription? {
        switch machine {
        case .some(let machine):
            CircuitDescription(
                part: .origin, nodes: (machine.path.map(\.node) + [machine.destination.node]).map(\.description),
                state: "\(machine.phase)", forwardedBytes: 0,
                ageSeconds: (SystemClock.now() - bornAt).components.seconds)
        case .none: nil
        }
    }
}
