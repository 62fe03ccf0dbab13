import GateCrypto
import GateModel
import GateRelay
import GateTransport
import GateLink
import GateWire
import Logging
import NIOCore

/// This node's part in a circuit that it relays: the machine on the loop of the session it came from, and a foot on
/// the session that it goes on to.
///
/// `@unchecked Sendable`: touched on the previous session's loop only, but for the constants.
final class RelayParty: CircuitParty, @unchecked Sendable {
    private let context: LoopContext
    private let kernel: KernelState
    private let reacher: any CircuitReacher
    private let previous: SessionEndpoint
    private var machine: CircuitHop
    private var actions: [CircuitAction] = []
    private var foot: RelayFoot?
    private var toNext: LoopOutlet<SessionMessage>?
    /// Holds while a session to go on over is looked for.
    private var ticket: DialTicket?
    private var countedBytes: UInt64 = 0
    private let bornAt = SystemClock.now()

    init(
        circuit: UInt32, on previous: SessionEndpoint, context: LoopContext, limits: RelayLimits,
        reacher: any CircuitReacher
    ) {
        self.previous = previous
        self.context = context
        self.reacher = reacher
        kernel = previous.kernel
        machine = CircuitHop(
            circuit: circuit, environment: context.environment, limits: limits, at: SystemClock.now())
        context.enter(self)
        kernel.metrics.circuitsCarried.add()
    }

    // MARK: The origin's side

    func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint) {
        machine.receivedFromPrevious(
            cells, at: SystemClock.now(), wall: SystemClock.wall(), into: &actions)
        perform()
    }

    func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint) {
        machine.creditedByPrevious(count, into: &actions)
        perform()
    }

    func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint) {
        machine.destroyed(by: .previous, CircuitEnd(wire: reason), into: &actions)
        finish()
    }

    func sessionEnded(circuit: UInt32, on session: SessionEndpoint) {
        machine.destroyed(by: .previous, .lost, into: &actions)
        finish()
    }

    func batchEnded(on session: SessionEndpoint) { toNext?.flush() }

    func deadlinePassed(at now: MonotonicInstant) {
        machine.deadlinePassed(at: now, into: &actions)
        finish()
    }

    // MARK: The destination's side, brought here by the foot

    func take(_ items: [FromNext]) {
        for item in items {
            switch item {
            case .cells(let cells):
                machine.receivedFromNext(cells, at: SystemClock.now(), into: &actions)
            case .credit(let count): machine.creditedByNext(count, into: &actions)
            case .destroyed(let reason): machine.destroyed(by: .next, reason, into: &actions)
            }
            perform()
        }
        finish()
    }

    // MARK: Actions

    private func finish() {
        perform()
        toNext?.flush()
        previous.flush()
    }

    private func perform() {
        while !actions.isEmpty {
            var batch: [CircuitAction] = []
            swap(&batch, &actions)
            for action in batch { perform(action) }
            if actions.isEmpty {
                batch.removeAll(keepingCapacity: true)
                actions = batch
            }
        }
        let forwarded = machine.forwardedByteCount
        if forwarded != countedBytes {
            kernel.metrics.relayedBytes.add(Int(forwarded - countedBytes))
            countedBytes = forwarded
        }
    }

    private func perform(_ action: CircuitAction) {
        switch action {
        case .send(.previous, let message): previous.enqueue(message)
        case .send(.next, let message): toNext?.append(message)
        case .reach(let record, _): reach(record)
        case .ended, .failed: leave()
        case .built, .received, .writable: break  // an end's, not a relay's
        }
    }

    private func reach(_ record: NodeRecord) {
        let own = self
        let ticket = DialTicket()
        self.ticket = ticket
        let isAsked = kernel.spawn { [reacher] in
            let session = await reacher.session(for: record, from: own.previous, ticket)
            own.context.eventLoop.execute {
                guard let session else { return own.unreachable() }
                own.cross(to: session)
            }
        }
        // Not from within the machine's own action.
        if !isAsked { context.eventLoop.execute { own.unreachable() } }
    }

    private func unreachable() {
        machine.unreachable(into: &actions)
        finish()
    }

    private func cross(to session: SessionEndpoint) {
        let own = self
        session.eventLoop.execute {
            let foot = RelayFoot(on: session, of: own)
            let circuit = session.enter(foot)
            own.context.eventLoop.execute {
                guard let circuit else { return own.unreachable() }
                own.crossed(foot, circuit: circuit, on: session)
            }
        }
    }

    private func crossed(_ foot: RelayFoot, circuit: UInt32, on session: SessionEndpoint) {
        guard machine.phase == .reaching else {
            session.eventLoop.execute { session.leave(circuit) }
            return
        }
        self.foot = foot
        toNext = LoopOutlet(to: session.eventLoop) { messages in
            for message in messages { session.enqueue(message) }
            session.flush()
        }
        machine.reached(circuit: circuit, at: SystemClock.now(), into: &actions)
        finish()
    }

    private func leave() {
        ticket?.end()
        ticket = nil
        context.leave(self)
        previous.leave(machine.previousCircuit)
        toNext?.flush()
        if let foot, let circuit = machine.nextCircuit {
            foot.session.eventLoop.execute { foot.session.leave(circuit) }
        }
        foot = nil
    }

    var description: CircuitDescription? {
        CircuitDescription(
            part: .relay, nodes: [previous.peer.text] + (foot.map { [$0.session.peer.text] } ?? []),
            state: "\(machine.phase)", forwardedBytes: machine.forwardedByteCount,
            ageSeconds: (SystemClock.now() - bornAt).components.seconds)
    }
}

/// What the session towards the destination brings to a relay.
enum FromNext: Sendable {
    case cells(ByteBuffer)
    case credit(UInt32)
    case destroyed(CircuitEnd)
}

/// A relayed circuit's number on the session towards the destination: carries what comes to the relay's own loop.
final class RelayFoot: CircuitParty, @unchecked Sendable {
    let session: SessionEndpoint
    private let outlet: LoopOutlet<FromNext>

    init(on session: SessionEndpoint, of relay: RelayParty) {
        self.session = session
        outlet = LoopOutlet(to: relay.eventLoop) { [weak relay] in relay?.take($0) }
    }

    func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint) { outlet.append(.cells(cells)) }

    func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint) { outlet.append(.credit(count)) }

    func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint) {
        outlet.append(.destroyed(CircuitEnd(wire: reason)))
        outlet.flush()
    }

    func sessionEnded(circuit: UInt32, on session: SessionEndpoint) {
        outlet.append(.destroyed(.lost))
        outlet.flush()
    }

    func batchEnded(on session: SessionEndpoint) { outlet.flush() }

    func deadlinePassed(at now: MonotonicInstant) {}

    var description: CircuitDescription? { nil }
}

extension RelayParty {
    /// Where the relay's machine lives.
    var eventLoop: any EventLoop { context.eventLoop }
}

/// Finds or makes the session that a circuit goes on over.
protocol CircuitReacher: Sendable {
    /// A session with the record's node, at no other addresses than the record's; `nil` where there is none to be had, or
    /// the ticket ends first.
    func session(
        for record: NodeRecord, from neighbour: SessionEndpoint, _ ticket: DialTicket
    ) async -> SessionEndpoint?
}
