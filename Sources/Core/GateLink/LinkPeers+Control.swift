import GateModel
import NIOCore

extension PeerName {
    fileprivate var wire: WireUuid? {
        switch self {
        case .node(let node): WireUuid(node.value)
        case .anonymous: nil
        }
    }

    fileprivate init(_ wire: WireUuid?) { self = wire.map { .node(NodeUUID($0.value)) } ?? .anonymous }
}

extension WirePeerEvent {
    init(_ event: LinkPeerEvent) {
        self.init()
        change = event.change.rawValue
        session = WireUuid(event.session.value)
        if let wire = event.peer.wire { node = wire }
        relayed = event.isRelayed
        extenders = event.extenders.prefix(LinkLimits.extenderCountMax).map { WireUuid($0.value) }
        reason = event.reason.cut(to: LinkLimits.reasonBytesMax)
        epoch = event.epoch
        resumable = event.isResumable
    }
}

extension LinkPeerEvent {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WirePeerEvent.self, from: control), let change = Change(rawValue: wire.change),
            wire.hasSession, wire.extenders.count <= LinkLimits.extenderCountMax,
            let reason = wire.reason.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(
            change: change, session: SessionID(wire.session.value), peer: PeerName(wire.hasNode ? wire.node : nil),
            isRelayed: wire.relayed, extenders: wire.extenders.map { ExtenderID($0.value) }, reason: reason,
            epoch: wire.epoch, isResumable: wire.resumable)
    }
}

extension WireMessageHeader {
    init(_ message: LinkMessage) {
        self.init()
        id = message.id
        extender = WireUuid(message.extender.value)
        session = WireUuid(message.session.value)
        priority = UInt32(message.priority.rawValue)
        compress = message.compresses
        receipt = message.wantsReceipt
        delayMilliseconds = min(message.delayMilliseconds, LinkLimits.delayMillisecondsMax)
    }
}

extension LinkMessage {
    init?(body: inout ByteBuffer) {
        guard let wire = parsedHeader(WireMessageHeader.self, from: &body), wire.hasExtender, wire.hasSession,
            let priority = Priority(link: wire.priority), wire.delayMilliseconds <= LinkLimits.delayMillisecondsMax
        else { return nil }
        self.init(
            id: wire.id, extender: ExtenderID(wire.extender.value), session: SessionID(wire.session.value),
            priority: priority, compresses: wire.compress, wantsReceipt: wire.receipt,
            delayMilliseconds: wire.delayMilliseconds, payload: body)
    }
}

extension Priority {
    /// The priorities that extenders may use.
    fileprivate init?(link value: UInt32) {
        switch value {
        case UInt32(Priority.interactive.rawValue): self = .interactive
        case UInt32(Priority.bulk.rawValue): self = .bulk
        default: return nil
        }
    }
}

extension WireReceipt {
    init(_ receipt: LinkReceipt) {
        self.init()
        id = receipt.id
        session = WireUuid(receipt.session.value)
        status = receipt.status.rawValue
    }
}

extension LinkReceipt {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireReceipt.self, from: control), wire.hasSession,
            let status = Status(rawValue: wire.status)
        else { return nil }
        self.init(id: wire.id, session: SessionID(wire.session.value), status: status)
    }
}

extension WirePeerCredit {
    init(_ credit: LinkPeerCredit) {
        self.init()
        session = WireUuid(credit.session.value)
        limit = credit.limit
    }
}

extension LinkPeerCredit {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WirePeerCredit.self, from: control), wire.hasSession else { return nil }
        self.init(session: SessionID(wire.session.value), limit: wire.limit)
    }
}

extension WireStreamOpen {
    init(_ open: LinkStreamOpen) {
        self.init()
        replica = open.id.replica
        counter = open.id.counter
        extender = WireUuid(open.extender.value)
        session = WireUuid(open.session.value)
        if let wire = open.peer.wire { node = wire }
        priority = UInt32(open.priority.rawValue)
        credit = open.credit
        allowed = open.isPeerAllowed
        epoch = open.epoch
    }
}

extension LinkStreamOpen {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireStreamOpen.self, from: control), wire.hasExtender, wire.hasSession,
            let priority = Priority(link: wire.priority)
        else { return nil }
        self.init(
            id: StreamID(replica: wire.replica, counter: wire.counter), extender: ExtenderID(wire.extender.value),
            session: SessionID(wire.session.value), peer: PeerName(wire.hasNode ? wire.node : nil),
            isPeerAllowed: wire.allowed, priority: priority, credit: wire.credit, epoch: wire.epoch)
    }
}

extension WireStreamResume {
    init(_ resume: LinkStreamResume) {
        self.init()
        replica = resume.id.replica
        counter = resume.id.counter
        extender = WireUuid(resume.extender.value)
        session = WireUuid(resume.session.value)
        epoch = resume.epoch
        opener = resume.isOpener
        priority = UInt32(resume.priority.rawValue)
        flags = UInt32(resume.standing.flags.rawValue)
        received = resume.standing.received
        acknowledged = resume.standing.acknowledged
        limit = resume.standing.limit
    }
}

extension LinkStreamResume {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireStreamResume.self, from: control), wire.hasExtender, wire.hasSession,
            let priority = Priority(link: wire.priority), let flags = UInt8(exactly: wire.flags)
        else { return nil }
        let standing = StreamStanding(
            received: wire.received, acknowledged: wire.acknowledged, limit: wire.limit,
            flags: StreamStanding.Flags(rawValue: flags))
        guard standing.isPossible else { return nil }
        self.init(
            id: StreamID(replica: wire.replica, counter: wire.counter), extender: ExtenderID(wire.extender.value),
            session: SessionID(wire.session.value), epoch: wire.epoch, isOpener: wire.opener, priority: priority,
            standing: standing)
    }
}

extension WireStreamsResumed {
    init(_ resumed: LinkStreamsResumed) {
        self.init()
        session = WireUuid(resumed.session.value)
        epoch = resumed.epoch
    }
}

extension LinkStreamsResumed {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireStreamsResumed.self, from: control), wire.hasSession else { return nil }
        self.init(session: SessionID(wire.session.value), epoch: wire.epoch)
    }
}
