import GateLink
import GateLinkTransport
import GateModel
import Logging
import NIOCore
import NIOPosix
import Testing

private let attach = LinkAttach(extender: socks5, name: "socks5", replica: 7)

/// Runs a kernel's link server on a free port of `host` while `body` does.
func withServer(
    _ authority: LinkAuthority, host: String = "127.0.0.1", events: EventBook, log: LogBook = LogBook(),
    settings: LinkSettings = LinkSettings(), service: LinkService? = nil,
    _ body: (LinkServer) async throws -> Void
) async throws {
    let server = try await LinkServer.bind(
        to: Endpoint(host: host, port: 0), credential: issue(.kernel, "kernel-1", by: authority),
        service: service ?? kernelService(events: events), settings: settings, group: loops, logger: log.logger)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        try await body(server)
        group.cancelAll()
    }
}

func keeper(
    _ endpoint: Endpoint, _ credential: LinkCredentialSource, events: EventBook, log: LogBook = LogBook(),
    attach: LinkAttach? = attach, expects: LinkRoleKind = .kernel, process: String? = nil
) -> LinkKeeper {
    LinkKeeper(
        target: .network(endpoint, credential: credential), expects: expects, process: process, attach: attach,
        eventLoop: loops.next(), makeDelegate: events.makeDelegate, logger: log.logger)
}

@Suite(.timeLimit(.minutes(1))) struct Links {
    private let authority: LinkAuthority

    init() throws { authority = try LinkAuthority.create(node: ownNode) }

    @Test func `who took over a process's address is not taken for it`() async throws {
        let log = LogBook()
        let credential = try issue(.extender(socks5), "socks5-1", by: authority)
        try await withServer(authority, events: EventBook()) { server in
            let wrong = keeper(server.endpoint, credential, events: EventBook(), log: log, process: "kernel-2")
            let events = EventBook()
            let right = keeper(server.endpoint, credential, events: events, process: "kernel-1")
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await wrong.run() }
                group.addTask { await right.run() }
                #expect(await events.opened() != nil)
                let reason = "otherProcess: kernel-1 answers where kernel-2 was"
                #expect(await log.line(with: reason).contains("link"))
                group.cancelAll()
            }
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `an extender attaches and frames go both ways`(host: String) async throws {
        let near = EventBook(greeting: [
            .streamData(alias: 1, ByteBuffer(repeating: 5, count: 300_000)), .streamFinish(alias: 1),
        ])
        let far = EventBook(echoes: true)
        try await withServer(authority, host: host, events: far) { server in
            let keeper = keeper(
                server.endpoint, try issue(.extender(socks5), "socks5-1", by: authority), events: near)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                guard case .opened(let peer, let attached) = await far.opened() else { return }
                #expect(peer.name == LinkName(node: ownNode, role: .extender(socks5), name: "socks5-1"))
                #expect(attached == attach)
                let echoed = await near.next { if case .frame(.streamData) = $0 { true } else { false } }
                #expect(echoed == .frame(.streamData(alias: 1, ByteBuffer(repeating: 5, count: 300_000))))
                #expect(await near.next { _ in true } == .frame(.streamFinish(alias: 1)))
                group.cancelAll()
            }
        }
    }

    @Test func `a link that breaks is made again`() async throws {
        let near = EventBook()
        let far = EventBook()
        try await withServer(authority, events: far) { server in
            let credential = try issue(.extender(socks5), "socks5-1", by: authority)
            let keeper = keeper(server.endpoint, credential, events: near)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                _ = await near.opened()
                let goAway = LinkGoAway(code: .revoked, reason: "rights changed")
                server.close(name: credential.current().name, goAway)
                #expect(await near.closed() == .closed(.goneAway(goAway)))
                #expect(await near.opened() != nil)
                group.cancelAll()
            }
            #expect(await near.closed() != nil)
        }
    }

    @Test func `many requests at once all get their own reply`() async throws {
        try await withRequester { requester in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let body = ByteBuffer(string: "request \(number)")
                        return try await requester.request("echo", body) == body
                    }
                }
                for try await isSame in group { #expect(isSame) }
            }
        }
    }

    @Test func `replies that are not done throw, and late ones run into the deadline`() async throws {
        try await withRequester { requester in
            await #expect(throws: LinkRequestFailure.answered(.notFound, reason: "nothing there")) {
                _ = try await requester.request("wrong", ByteBuffer())
            }
            await #expect(throws: LinkRequestFailure.answered(.unknownMethod, reason: "")) {
                _ = try await requester.request("none", ByteBuffer())
            }
            await #expect(throws: LinkRequestFailure.deadlineExceeded) {
                _ = try await requester.request("slow", ByteBuffer(), deadline: .milliseconds(30))
            }
            let task = Task { try await requester.request("slow", ByteBuffer()) }
            task.cancel()
            await #expect(throws: LinkRequestFailure.cancelled) { _ = try await task.value }
            let after = try await requester.request("echo", ByteBuffer(string: "after"))
            #expect(after == ByteBuffer(string: "after"))
        }
    }

    @Test func `each request ends at its own deadline, whatever others have`() async throws {
        try await withRequester { requester in
            let long = Task { try await requester.request("slow", ByteBuffer(), deadline: .seconds(30)) }
            let failures = await withTaskGroup(of: Int?.self) { group in
                for milliseconds in [1000, 500, 20] {
                    group.addTask {
                        do {
                            _ = try await requester.request(
                                "slow", ByteBuffer(), deadline: .milliseconds(milliseconds))
                            return nil
                        } catch LinkRequestFailure.deadlineExceeded {
                            return milliseconds
                        } catch LinkRequestFailure.answered(.deadlineExceeded, _) {
                            return milliseconds
                        } catch { return nil }
                    }
                }
                var failures: [Int?] = []
                for await failure in group { failures.append(failure) }
                return failures
            }
            #expect(failures == [20, 500, 1000])
            long.cancel()
            await #expect(throws: LinkRequestFailure.cancelled) { _ = try await long.value }
        }
    }

    @Test func `a watch brings its events and its end`() async throws {
        try await withRequester { requester in
            var seen: [ByteBuffer] = []
            for try await event in requester.watch("count", ByteBuffer()) { seen.append(event) }
            #expect(seen == [1, 2, 3].map { ByteBuffer(bytes: [$0]) })
        }
    }

    @Test func `a watch and a request fail with the link`() async throws {
        try await withServer(authority, events: EventBook()) { server in
            let credential = try issue(.operator, "operator", by: authority)
            let keeper = keeper(server.endpoint, credential, events: EventBook(), attach: nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                #expect(await keeper.requester.connected())
                var events = keeper.requester.watch("endless", ByteBuffer()).makeAsyncIterator()
                let first = try await events.next()
                #expect(first == ByteBuffer(bytes: [1]))
                let slow = Task { try await keeper.requester.request("slow", ByteBuffer()) }
                group.cancelAll()
                await #expect(throws: LinkRequestFailure.self) { while try await events.next() != nil {} }
                await #expect(throws: LinkRequestFailure.disconnected) { _ = try await slow.value }
            }
            await #expect(throws: LinkRequestFailure.disconnected) {
                _ = try await keeper.requester.request("echo", ByteBuffer())
            }
        }
    }

    private func withRequester(_ body: (LinkRequester) async throws -> Void) async throws {
        try await withServer(authority, events: EventBook()) { server in
            let credential = try issue(.operator, "operator", by: authority)
            let keeper = keeper(server.endpoint, credential, events: EventBook(), attach: nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                #expect(await keeper.requester.connected())
                try await body(keeper.requester)
                group.cancelAll()
            }
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct MemoryLinks {
    @Test func `a link within the process has the same rules`() async throws {
        let near = EventBook(greeting: [.streamData(alias: 1, ByteBuffer(string: "gate"))])
        let far = EventBook(echoes: true)
        let server = MemoryLinkServer(
            name: try #require(LinkName(node: ownNode, role: .kernel, name: "kernel-1")),
            service: kernelService(events: far))
        let name = try #require(LinkName(node: ownNode, role: .extender(socks5), name: "socks5-1"))
        let keeper = LinkKeeper(
            target: .memory(server, as: name), expects: .kernel, attach: attach, eventLoop: loops.next(),
            makeDelegate: near.makeDelegate, logger: LogBook().logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            #expect(await near.opened() != nil)
            let echoed = await near.next { if case .frame = $0 { true } else { false } }
            #expect(echoed == .frame(.streamData(alias: 1, ByteBuffer(string: "gate"))))
            let body = ByteBuffer(string: "hello")
            let reply = try await keeper.requester.request("echo", body)
            #expect(reply == body)
            group.cancelAll()
        }
        #expect(await far.closed() != nil)
    }

    @Test func `asking for another extender's UUID is refused with the reason logged`() async throws {
        let log = LogBook()
        let server = MemoryLinkServer(
            name: try #require(LinkName(node: ownNode, role: .kernel, name: "kernel-1")),
            service: kernelService(events: EventBook()))
        let stranger = ExtenderID(UUIDBytes(high: 1, low: 1))
        let name = try #require(LinkName(node: ownNode, role: .extender(stranger), name: "stranger-1"))
        let keeper = LinkKeeper(
            target: .memory(server, as: name), expects: .kernel, attach: attach, eventLoop: loops.next(),
            logger: log.logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            #expect(await log.line(with: "link refused", "otherExtender").contains("stranger-1"))
            group.cancelAll()
        }
    }
}
