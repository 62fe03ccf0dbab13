import GateModel
import NIOCore

extension WireHello {
    init(_ hello: LinkHello) {
        self.init()
        versions.lowest = hello.versions.lowest
        versions.highest = hello.versions.highest
        program = hello.program.cut(to: LinkLimits.reasonBytesMax)
        requestsMax = hello.requestsMax
    }
}

extension LinkHello {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireHello.self, from: control), wire.hasVersions,
            wire.versions.lowest <= wire.versions.highest, let program = wire.program.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(
            versions: LinkVersions(lowest: wire.versions.lowest, highest: wire.versions.highest), program: program,
            requestsMax: wire.requestsMax)
    }
}

extension WireWelcome {
    init(_ welcome: LinkWelcome) {
        self.init()
        version = welcome.version
        program = welcome.program.cut(to: LinkLimits.reasonBytesMax)
        grant.extenders = welcome.grant.extenders.prefix(LinkGrant.extenderCountMax).map { WireUuid($0.value) }
        grant.mayConnect = welcome.grant.mayConnect
        grant.mayRead = welcome.grant.mayRead
        grant.mayChange = welcome.grant.mayChange
        requestsMax = welcome.requestsMax
    }
}

extension LinkWelcome {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireWelcome.self, from: control), wire.hasGrant,
            wire.grant.extenders.count <= LinkGrant.extenderCountMax,
            let program = wire.program.within(LinkLimits.reasonBytesMax)
        else { return nil }
        let grant = LinkGrant(
            extenders: wire.grant.extenders.map { ExtenderID($0.value) }, mayConnect: wire.grant.mayConnect,
            mayRead: wire.grant.mayRead, mayChange: wire.grant.mayChange)
        self.init(version: wire.version, program: program, grant: grant, requestsMax: wire.requestsMax)
    }
}

extension WireGoAway {
    init(_ goAway: LinkGoAway) {
        self.init()
        code = goAway.code.rawValue
        reason = goAway.reason.cut(to: LinkLimits.reasonBytesMax)
    }
}

extension LinkGoAway {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireGoAway.self, from: control), let code = Code(rawValue: wire.code),
            let reason = wire.reason.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(code: code, reason: reason)
    }
}

extension WireRefused {
    init(_ refusal: LinkRefusal) {
        self.init()
        code = refusal.code.rawValue
        reason = refusal.reason.cut(to: LinkLimits.reasonBytesMax)
    }
}

extension LinkRefusal {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireRefused.self, from: control), let code = Code(rawValue: wire.code),
            let reason = wire.reason.within(LinkLimits.reasonBytesMax)
        else { return nil }
        self.init(code: code, reason: reason)
    }
}

extension WireAttach {
    init(_ attach: LinkAttach) {
        self.init()
        extender = WireUuid(attach.extender.value)
        name = attach.name.cut(to: LinkName.nameBytesMax)
        replica = attach.replica
        capabilities = attach.capabilities.prefix(LinkLimits.capabilityCountMax)
            .map { $0.cut(to: LinkLimits.capabilityBytesMax) }
    }
}

extension LinkAttach {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireAttach.self, from: control), wire.hasExtender,
            let name = wire.name.within(LinkName.nameBytesMax),
            wire.capabilities.count <= LinkLimits.capabilityCountMax,
            wire.capabilities.allSatisfy({ $0.utf8.count <= LinkLimits.capabilityBytesMax })
        else { return nil }
        self.init(
            extender: ExtenderID(wire.extender.value), name: name, replica: wire.replica,
            capabilities: wire.capabilities)
    }
}

extension WireAttached {
    init(_ attached: LinkAttached) {
        self.init()
        worker = attached.worker.cut(to: LinkName.nameBytesMax)
        node = WireUuid(attached.node.value)
    }
}

extension LinkAttached {
    init?(control: ByteBuffer) {
        guard let wire = parsed(WireAttached.self, from: control), wire.hasNode,
            let worker = wire.worker.within(LinkName.nameBytesMax)
        else { return nil }
        self.init(worker: worker, node: NodeUUID(wire.node.value))
    }
}
