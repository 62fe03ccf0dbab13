import GateLink
import GateModel
import Testing

@Suite struct Admission {
    private let extender = ShippedExtender.socks5
    private let stranger = ExtenderID(UUIDBytes(high: 1, low: 1))
    private let hello = LinkFrame.hello(LinkHello(versions: .current, program: "p", requestsMax: 1))

    private func reception(_ role: LinkRole) throws -> LinkReception {
        LinkReception(try #require(LinkName(node: FrameSamples.node, role: role, name: "a-1")))
    }

    private func attach(_ extender: ExtenderID) -> LinkFrame {
        .attach(LinkAttach(extender: extender, name: "a", replica: 1))
    }

    @Test func `an extender says hello, is welcomed, attaches and is open`() throws {
        var reception = try reception(.extender(extender))
        #expect(reception.received(hello, worker: "kernel-1") == .decide)
        let grant = LinkGrant.attaching(as: extender)
        #expect(
            reception.decided(.granted(grant), program: "p", requestsMax: 2)
                == .send(.welcome(LinkWelcome(version: 2, program: "p", grant: grant, requestsMax: 2))))
        #expect(
            reception.received(attach(extender), worker: "kernel-1")
                == .open(
                    .attached(LinkAttached(worker: "kernel-1", node: FrameSamples.node)), grant,
                    attach: LinkAttach(extender: extender, name: "a", replica: 1)))
        #expect(reception.received(hello, worker: "kernel-1") == .close(hello.unexpected))
    }

    @Test func `an extender that asks for another's UUID is refused, whatever its rights say`() throws {
        var reception = try reception(.extender(extender))
        _ = reception.received(hello, worker: "kernel-1")
        let grant = LinkGrant(extenders: [extender, stranger], mayConnect: true, mayRead: false, mayChange: false)
        _ = reception.decided(.granted(grant), program: "p", requestsMax: 2)
        guard case .refuse(let refusal) = reception.received(attach(stranger), worker: "kernel-1") else {
            return #expect(Bool(false), "a refusal")
        }
        #expect(refusal.code == .otherExtender)
    }

    @Test func `an extender without rights is refused`() throws {
        var reception = try reception(.extender(extender))
        _ = reception.received(hello, worker: "kernel-1")
        _ = reception.decided(.granted(.none), program: "p", requestsMax: 2)
        guard case .refuse(let refusal) = reception.received(attach(extender), worker: "kernel-1") else {
            return #expect(Bool(false), "a refusal")
        }
        #expect(refusal.code == .notPermitted)
    }

    @Test func `a kernel is open once it is welcomed`() throws {
        var reception = try reception(.kernel)
        _ = reception.received(hello, worker: "")
        let action = reception.decided(.granted(.none), program: "p", requestsMax: 2)
        guard case .open(.welcome, .none, attach: nil) = action else { return #expect(Bool(false), "open") }
    }

    @Test func `a version that is not common is refused`() throws {
        var reception = try reception(.kernel)
        let future = LinkHello(versions: LinkVersions(lowest: 3, highest: 9), program: "p", requestsMax: 1)
        guard case .refuse(let refusal) = reception.received(.hello(future), worker: "") else {
            return #expect(Bool(false), "a refusal")
        }
        #expect(refusal.code == .noCommonVersion)
    }

    @Test(arguments: FrameSamples.all)
    func `nothing but hello comes first`(frame: LinkFrame) throws {
        var reception = try reception(.kernel)
        if case .hello = frame { return }
        #expect(reception.received(frame, worker: "") == .close(frame.unexpected))
    }

    @Test func `the side that dials goes from welcome over attached to open`() {
        let wanted = LinkAttach(extender: extender, name: "a", replica: 1)
        let welcome = LinkWelcome(version: 1, program: "p", grant: .attaching(as: extender), requestsMax: 2)
        let attached = LinkAttached(worker: "kernel-1", node: FrameSamples.node)
        var greeting = LinkGreeting(attach: wanted)
        #expect(greeting.received(.welcome(welcome)) == .send(.attach(wanted)))
        #expect(greeting.received(.attached(attached)) == .open(welcome, attached))
        #expect(greeting.received(.drain) == .close(.protocolFault(LinkFrame.drain.unexpected)))
    }

    @Test func `the side that dials hears why it is refused`() {
        let refusal = LinkRefusal(code: .notPermitted, reason: "no")
        var greeting = LinkGreeting(attach: nil)
        #expect(greeting.received(.refused(refusal)) == .close(.refused(refusal)))
    }
}
