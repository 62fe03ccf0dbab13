import Foundation
import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateTransport
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct SharedSecretsOfNetworks {
    private func secret(_ byte: UInt8) throws -> SharedSecret {
        try SharedSecret(GuardedSecret([UInt8](repeating: byte, count: SharedSecret.byteCount)))
    }

    /// What a node sent to who wrote `bytes`, and how long it kept the connection.
    private func answer(of node: KernelNode, to bytes: ByteBuffer) async throws -> (bytes: Int, time: Duration) {
        let endpoint = try node.endpoint
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let begin = ContinuousClock.now
        let count = try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(bytes)
            var count = 0
            for try await part in inbound { count += part.readableBytes }
            return count
        }
        return (count, ContinuousClock.now - begin)
    }

    @Test func `make a node silent to everybody without: no byte, and a close after a random time`() async throws {
        let network = try secret(1)
        try await withKernels(1, secrets: [1: network]) { nodes in
            try await nodes[0].set(NodeSettings.accessDefault.definition, "allow")
            try await nodes[0].set(NodeSettings.accessAnonymous.definition, "true")
            try await nodes[0].set(NodeSettings.handshakeFreeAttempts, 1000)
            let openings = try (0..<6).map { index in
                let others: [SharedSecret?] = [nil, try secret(2)]
                let stranger = try TestNode(9, sharedSecret: others[index % 2], wall: SystemClock.wall())
                var connection = PeerConnection(
                    dialling: nodes[0].uuid, presence: index < 2 ? .anonymous : .mutual(stranger.credentials),
                    environment: stranger.environment)
                var (output, events) = (ByteBuffer(), [PeerEvent]())
                connection.start(at: SystemClock.now(), wall: SystemClock.wall(), into: &output, events: &events)
                // The header, and fewer bytes than any node reads on at least.
                return output.readSlice(length: 200) ?? output
            }
            let found = try await withThrowingTaskGroup(of: (bytes: Int, time: Duration).self) { tasks in
                for opening in openings { tasks.addTask { try await answer(of: nodes[0], to: opening) } }
                return try await tasks.reduce(into: [(bytes: Int, time: Duration)]()) { $0.append($1) }
            }
            #expect(found.allSatisfy { $0.bytes == 0 })
            #expect(found.allSatisfy { (.milliseconds(1_900)...Duration.seconds(15)).contains($0.time) })
            #expect(Set(found.map { $0.time / .milliseconds(10) }.map { Int($0) }).count > 3)
            _ = try await nodes[0].refused("does not open")
        }
    }

    @Test(arguments: [false, true]) func `let members reach each other, with a name or without`(
        anonymous: Bool
    ) async throws {
        let network = try secret(1)
        try await withKernels(2, secrets: [1: network, 2: network]) { nodes in
            try await nodes[0].know(nodes[1])
            try await nodes[1].know(nodes[0])
            try await nodes[1].set(NodeSettings.accessAnonymous.definition, "true")
            _ = try await nodes[0].connect(to: nodes[1].uuid, anonymous: anonymous).get()
            try await nodes[1].holds(1)
        }
    }

    @Test(arguments: [1, 2, 3]) func `of other networks serve to dial their nodes`(_ number: Int) async throws {
        // 1: open to closed; 2: closed to open; 3: closed to another closed.
        let secrets: [UInt8: SharedSecret] =
            switch number {
            case 1: [2: try secret(2)]
            case 2: [1: try secret(1)]
            default: [1: try secret(1), 2: try secret(2)]
            }
        try await withKernels(2, secrets: secrets) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            #expect(try #require(await near.connect(to: far.uuid).failure).code == .notAccepted)
            for context in near.kernel.contexts {
                try await context.eventLoop.submit {
                    context.environment.otherSecrets[far.uuid] = .some(secrets[2])
                }.get()
            }
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
        }
    }
}

@Suite struct FilesWithSharedSecrets {
    private func withFile(_ text: String, mode: Int = 0o600, _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        try body(path)
    }

    private func psk(_ secret: SharedSecret) -> [UInt8] { secret.psk.withUnsafeBytes { Array($0) } }

    @Test func `hold 64 digits, in either case and with a line's end or without`() throws {
        let digits = String(repeating: "aB", count: 32)
        let expected = try psk(SharedSecret(GuardedSecret([UInt8](repeating: 0xab, count: 32))))
        for text in [digits, digits.lowercased() + "\n", digits.uppercased() + "\r\n"] {
            try withFile(text) { path in
                let secret = try SharedSecretFile.load(from: path)
                #expect(psk(secret) == expected)
            }
        }
    }

    @Test func `hold a passphrase, which all who know it stretch to the same`() throws {
        let passphrase = try GuardedSecret(Array("correct horse battery".utf8))
        let stretched = try #require(try SharedSecret.stretching(passphrase))
        let expected = psk(stretched)
        try withFile("correct horse battery\n") { path in
            let secret = try SharedSecretFile.load(from: path)
            #expect(psk(secret) == expected)
        }
    }

    @Test(arguments: ["", "\n", "seven b", String(repeating: "x", count: 1_024)])
    func `are refused where they hold neither`(text: String) throws {
        try withFile(text) { path in
            #expect(throws: SharedSecretFileFailure.malformed(path: path)) { try SharedSecretFile.load(from: path) }
        }
    }

    @Test func `are refused where others may read them, or there is none`() throws {
        try withFile("correct horse battery", mode: 0o644) { path in
            #expect(throws: SharedSecretFileFailure.notPrivate(path: path)) { try SharedSecretFile.load(from: path) }
        }
        #expect(throws: SharedSecretFileFailure.noAccess(path: "/nowhere")) {
            try SharedSecretFile.load(from: "/nowhere")
        }
    }

    @Test func `are made anew with other digits each time, for their owner, and never over another`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "secrets-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let paths = ["\(folder)/a", "\(folder)/b"]
        for path in paths { try SharedSecretFile.create(at: path) }
        let texts = try paths.map { try String(contentsOfFile: $0, encoding: .utf8) }
        #expect(texts[0] != texts[1] && texts.allSatisfy { $0.utf8.count == 65 && $0.hasSuffix("\n") })
        for path in paths { _ = try SharedSecretFile.load(from: path) }
        #expect(throws: SharedSecretFileFailure.exists(path: paths[0])) { try SharedSecretFile.create(at: paths[0]) }
        #expect(try String(contentsOfFile: paths[0], encoding: .utf8) == texts[0])
    }

    @Test func `of several nodes are read once each, and none stays none`() throws {
        let nodes = (1...3).map { NodeUUID(UUIDBytes(high: $0 << 16 | 0x8000, low: 1 << 63)) }
        try withFile(String(repeating: "ab", count: 32)) { path in
            let secrets = try SharedSecretFile.load(of: [nodes[0]: path, nodes[1]: path, nodes[2]: nil])
            let found = nodes.map { secrets[$0].map { $0.map(ObjectIdentifier.init) } }
            #expect(found[0] != nil && found[0] == found[1] && found[0] != .some(nil))
            #expect(found[2] == .some(nil))
        }
    }
}
