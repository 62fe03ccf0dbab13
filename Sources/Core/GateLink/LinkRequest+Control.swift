import GateModel
import NIOCore

extension WireConnect {
    init(_ request: ConnectRequest) {
        self.init()
        id = request.id
        target = WireUuid(request.target.value)
        switch request.route {
        case .direct: break
        case .relayed(let hops): self.hops = UInt32(clamping: hops)
        case .usual: hops = UInt32(LinkLimits.hopCountUsual)
        case .through(let nodes): through = nodes.map { WireUuid($0.value) }
        }
        anonymous = request.anonymous
        isolation = request.isolation
        deadlineMilliseconds = request.deadlineMilliseconds
    }
}

extension ConnectRequest {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireConnect.self, from: control), wire.hasTarget,
            let isolation = wire.isolation.within(LinkLimits.isolationBytesMax),
            let route = ConnectRoute(hops: wire.hops, through: wire.through)
        else { return nil }
        self.init(
            id: wire.id, target: NodeUUID(wire.target.value), route: route, anonymous: wire.anonymous,
            isolation: isolation, deadlineMilliseconds: wire.deadlineMilliseconds)
    }
}

extension ConnectRoute {
    fileprivate init?(hops: UInt32, through: [WireUuid]) {
        if hops == LinkLimits.hopCountUsual, through.isEmpty {
            self = .usual
            return
        }
        guard hops <= LinkLimits.hopCountMax, through.count <= LinkLimits.hopCountMax else { return nil }
        switch (hops, through.isEmpty) {
        case (0, true): self = .direct
        case (_, true): self = .relayed(hops: Int(hops))
        case (0, false): self = .through(through.map { NodeUUID($0.value) })
        case (_, false): return nil
        }
    }
}

extension WireConnected {
    init(_ success: ConnectSuccess) {
        self.init()
        id = success.id
        session = WireUuid(success.session.value)
    }
}

extension ConnectSuccess {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireConnected.self, from: control), wire.hasSession else { return nil }
        self.init(id: wire.id, session: SessionID(wire.session.value))
    }
}

extension WireConnectFailed {
    init(_ failure: ConnectFailure) {
        self.init()
        id = failure.id
        code = failure.code.rawValue
        reason = failure.reason.cut(to: LinkLimits.reasonBytesMax)
    }
}

extension ConnectFailure {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireConnectFailed.self, from: control), let code = Code(rawValue: wire.code),
            let reason = wire.reason.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(id: wire.id, code: code, reason: reason)
    }
}

extension WireRequestHeader {
    init(_ request: LinkRequest) {
        self.init()
        method = request.method.cut(to: LinkLimits.methodBytesMax)
        watch = request.isWatch
        deadlineMilliseconds = request.deadlineMilliseconds
    }
}

extension LinkRequest {
    init?(body: inout ByteBuffer) {
        guard let wire = parsedHeader(WireRequestHeader.self, from: &body), !wire.method.isEmpty,
            let method = wire.method.within(LinkLimits.methodBytesMax)
        else { return nil }
        self.init(
            method: method, isWatch: wire.watch, deadlineMilliseconds: wire.deadlineMilliseconds, body: body)
    }
}

extension WireReplyHeader {
    init(_ reply: LinkReply) {
        self.init()
        status = reply.status.rawValue
        reason = reply.reason.cut(to: LinkLimits.reasonBytesMax)
    }
}

extension LinkReply {
    init?(body: inout ByteBuffer) {
        guard let wire = parsedHeader(WireReplyHeader.self, from: &body), let status = Status(rawValue: wire.status),
            let reason = wire.reason.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(status: status, reason: reason, body: body)
    }
}
