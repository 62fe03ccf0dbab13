import GateModel

/// Flows of one class that have something to send: extenders take turns, and each one's flows take turns within its own.
/// So an extender with a thousand streams gets no more than one with a single stream. Relayed cells count as one extender.
///
/// What a ring holds is emptied and filled again at every message: the storage of the member that left last is kept.
struct TurnRing {
    /// Something with its place in a class.
    enum Flow: Equatable {
        case stream(UInt32)
        case messages(MessageFlowKey)
        case cells
    }

    private struct Member {
        /// `nil`: relayed cells.
        let extender: ExtenderID?
        var flows: Fifo<Flow>
    }

    private var members: [Member] = []
    /// Whose turn is next.
    private var next = 0
    private var spare = Fifo<Flow>()

    var isEmpty: Bool { members.isEmpty }
    /// How many extenders have something to send.
    var memberCount: Int { members.count }

    /// Puts a flow behind the others of its extender; an extender that had none comes last.
    mutating func append(_ flow: Flow, of extender: ExtenderID?) {
        if let index = members.firstIndex(where: { $0.extender == extender }) {
            return members[index].flows.append(flow)
        }
        var flows = Fifo<Flow>()
        swap(&flows, &spare)
        flows.append(flow)
        members.insert(Member(extender: extender, flows: flows), at: next)
        next = next + 1 == members.count ? 0 : next + 1
    }

    /// The flow whose turn it is, off the ring, and whose it is; the turn passes on.
    mutating func take() -> (flow: Flow, extender: ExtenderID?)? {
        guard !members.isEmpty, let flow = members[next].flows.popFirst() else { return nil }
        let extender = members[next].extender
        if members[next].flows.isEmpty {
            swap(&spare, &members[next].flows)
            members.remove(at: next)
        } else {
            next += 1
        }
        if next >= members.count { next = 0 }
        return (flow, extender)
    }
}
