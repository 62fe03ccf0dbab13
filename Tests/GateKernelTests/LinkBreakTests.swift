import GateExtenderKit
import GateLink
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(2))) struct LinksThatBreak {
    private static let byteCount = 6 << 20

    @Test func `cost no byte and repeat none, on whichever event loop the next one is`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let created = Mutex<LinkAuthority?>(nil)
        let far = try await KernelNode.start(
            2, resumes: true,
            authority: { node in
                let authority = try LinkAuthority.create(node: node)
                created.withLock { $0 = authority }
                return authority
            }, group: group)
        let known = created.withLock(\.self)
        let authority = try #require(known)
        try await withKernels(1, resumes: true) { nodes in
            let near = nodes[0]
            let (home, away) = (WitnessExtender(), WitnessExtender())
            let replicas = [
                try await home.replica(at: near, workers: [near]),
                try await away.replica(at: far, authority: authority),
            ]
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for replica in replicas { tasks.addTask { try await replica.run() } }
                defer { tasks.cancelAll() }
                let session = try await near.session(with: far, of: replicas)
                async let echoed = session.echoes(Self.byteCount)
                var crossings = 0
                for round in 1...12 {
                    try await Task.sleep(for: .milliseconds(60))
                    crossings += try await (round % 4 == 0 ? near : far).breakLinks()
                }
                #expect(try await echoed)
                #expect(crossings > 0, "a link came to another loop than its attachment's")
                #expect(try await session.echoes(100_000), "and streams begin as before")
                for witness in [home, away] {
                    #expect(witness.seen(.suspended) == 0 && witness.seen(.disconnected) == 0)
                }
                #expect(far.kernel.kernel.sessions.first?.epoch == 0)
            }
        }
        await far.stop()
        try await group.shutdownGracefully()
    }

    @Test func `to a worker that let the attachment go end its streams, and nothing else`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            let (home, away) = (WitnessExtender(), WitnessExtender())
            let replicas = [
                try await home.replica(at: near, workers: [near]), try await away.replica(at: far, workers: [far]),
            ]
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for replica in replicas { tasks.addTask { try await replica.run() } }
                defer { tasks.cancelAll() }
                let session = try await near.session(with: far, of: replicas)
                let stream = try await session.openStream(first: ByteBuffer(string: "x"))
                #expect(try await stream.read() != nil)
                let attachment = try far.attachment("witness")
                try await attachment.eventLoop.submit { far.kernel.kernel.detach(attachment) }.get()
                let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
                #expect(failure?.reset == .peerGone)
                while replicas[1].attachedWorkers.isEmpty || !near.knows(far) {
                    try await Task.sleep(for: .milliseconds(5))
                }
                #expect(try await session.echoes(100_000))
            }
        }
    }

    @Test func `and are not made again reset the replica's own streams within 2 s, and touch no other`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let begins: @Sendable () -> LinkGoOn = { LinkGoOn(isGoing: false, attachment: 5, taken: 0) }
            try await ExtenderLink.attached(to: near) { opener in
                try await ExtenderLink.attached(to: far, as: "dies", replica: 1, saying: begins) { dying in
                    try await ExtenderLink.attached(to: far, as: "lives", replica: 2, saying: begins) { living in
                        let session = try await near.connect(to: far.uuid).get()
                        try await far.holds(1)
                        let dies = try await opener.open(1, at: "dies", of: far, session)
                        let lives = try await opener.open(3, at: "lives", of: far, session)
                        _ = try await dying.opened(dies)
                        let alias = try await living.opened(lives)

                        let start = ContinuousClock.now
                        try await far.attachment("dies").drop()
                        let reset: UInt32 = try await opener.next {
                            if case .streamReset(let alias, _) = $0 { alias } else { nil }
                        }
                        #expect(reset == 1)
                        #expect(ContinuousClock.now - start < .seconds(2))

                        try await opener.send(.streamData(alias: 3, ByteBuffer(string: "on")))
                        let bytes: ByteBuffer = try await living.next {
                            if case .streamData(alias, let bytes) = $0 { bytes } else { nil }
                        }
                        #expect(bytes == ByteBuffer(string: "on"))
                    }
                }
            }
        }
    }

    @Test func `send again what was not taken, and that once`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            let taken = Mutex<UInt64?>(nil)
            let word: @Sendable () -> LinkGoOn = {
                let count = taken.withLock(\.self)
                return LinkGoOn(isGoing: count != nil, attachment: 5, taken: count ?? 0)
            }
            try await ExtenderLink.attached(to: near) { opener in
                try await ExtenderLink.attached(to: far, saying: word) { taker in
                    let session = try await near.connect(to: far.uuid).get()
                    try await far.holds(1)
                    // News of the session come first, some of them a moment later.
                    try await Task.sleep(for: .milliseconds(200))
                    let id = try await opener.open(1, at: "test-1", of: far, session)
                    let alias = try await taker.opened(id)
                    try await taker.send(.streamCredit(alias: alias, limit: 100_000))
                    try await opener.send(.streamData(alias: 1, ByteBuffer(string: "lost")))
                    _ = try await taker.next { $0.isData ? true : nil }
                    let count = taker.takenCount
                    taken.withLock { $0 = count - 1 }
                    try await far.attachment("test-1").drop()
                    // Comes while there is no link, or over the next one.
                    try await opener.send(.streamData(alias: 1, ByteBuffer(string: "later")))

                    let answer: LinkGoOn = try await taker.next {
                        if case .goOn(let word) = $0, word.isGoing { word } else { nil }
                    }
                    #expect(answer == LinkGoOn(isGoing: true, attachment: 5, taken: 1), "the credit was taken")
                    var bytes = ByteBuffer()
                    while bytes.readableBytes < 9 {
                        let more: ByteBuffer = try await taker.next {
                            if case .streamData(alias, let more) = $0 { more } else { nil }
                        }
                        bytes.writeImmutableBuffer(more)
                    }
                    #expect(bytes == ByteBuffer(string: "lostlater"))
                }
            }
        }
    }

    @Test func `do not go on under another number, nor where more is missing than was kept`() async throws {
        try await withKernels(1) { nodes in
            for word in [
                LinkGoOn(isGoing: true, attachment: 6, taken: 0), LinkGoOn(isGoing: true, attachment: 5, taken: 1000),
            ] {
                let isFirst = Mutex(true)
                let words: @Sendable () -> LinkGoOn = {
                    let isFirst = isFirst.withLock { first in
                        defer { first = false }
                        return first
                    }
                    return isFirst ? LinkGoOn(isGoing: false, attachment: 5, taken: 0) : word
                }
                let name = "test-\(word.attachment)"
                try await ExtenderLink.attached(to: nodes[0], as: name, saying: words) { replica in
                    _ = try await replica.answer()
                    try await nodes[0].attachment(name).drop()
                    let second = try await replica.answer()
                    #expect(second == LinkGoOn(isGoing: false, attachment: word.attachment, taken: 0))
                }
            }
        }
    }
}

extension LinkFrame {
    fileprivate var isData: Bool { if case .streamData = self { true } else { false } }
}

extension ExtenderLink {
    /// Opens a stream whose other end is the replica of that name at `node`.
    fileprivate func open(
        _ alias: UInt32, at name: String, of node: KernelNode, _ session: SessionID
    ) async throws -> StreamID {
        let kernel = node.kernel.kernel
        let counter = try #require(
            (1...1000).first {
                let id = StreamID(replica: 77, counter: UInt64($0))
                return kernel.attachment(of: KernelNode.extender, for: id)?.name == name
            })
        let id = StreamID(replica: 77, counter: UInt64(counter))
        try await send(
            .streamOpen(
                alias: alias,
                LinkStreamOpen(
                    id: id, extender: KernelNode.extender, session: session, peer: .node(node.uuid), priority: .bulk,
                    credit: 65_536)))
        return id
    }

    /// Waits for the stream; its alias.
    fileprivate func opened(_ id: StreamID) async throws -> UInt32 {
        try await next {
            if case .streamOpen(let alias, let open) = $0, open.id == id { alias } else { nil }
        }
    }

    /// Waits for what the worker says to whether the attachment goes on.
    fileprivate func answer() async throws -> LinkGoOn {
        try await next { if case .goOn(let word) = $0 { word } else { nil } }
    }
}

extension GateKernel.Attachment {
    /// Breaks the link.
    fileprivate func drop() async throws { try await eventLoop.submit { self.wire?.drop() }.get() }
}

extension KernelNode {
    /// The attachment of the replica with that name.
    fileprivate func attachment(_ name: String) throws -> GateKernel.Attachment {
        try #require(kernel.kernel.attachments().first { $0.name == name })
    }

    /// Whether the other node's worker has an extender again, as far as it said.
    fileprivate func knows(_ far: KernelNode) -> Bool {
        !far.kernel.kernel.attachments().isEmpty && kernel.kernel.session(with: far.uuid) != nil
    }

    /// A session to another node, as this node's replica, the first, has it once all are attached.
    fileprivate func session(with far: KernelNode, of replicas: [ExtenderService]) async throws -> PeerSession {
        while replicas.contains(where: \.attachedWorkers.isEmpty) { try await Task.sleep(for: .milliseconds(5)) }
        let id = try await session(with: far)
        while true {
            if let session = replicas[0].sessions.first(where: { $0.id == id }) { return session }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Breaks the worker's links to extenders, and waits until they are made again; how many are on another loop then.
    fileprivate func breakLinks() async throws -> Int {
        var crossings = 0
        for attachment in kernel.kernel.attachments() {
            let before = try await attachment.eventLoop.submit { attachment.wire }.get()
            try await attachment.drop()
            while true {
                let wire = try await attachment.eventLoop.submit { attachment.wire }.get()
                if let wire, wire !== before {
                    crossings += wire.crossesLoops ? 1 : 0
                    break
                }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
        return crossings
    }
}
