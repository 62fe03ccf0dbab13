import Foundation
import GateCommand
import GateLink
import GateLinkTransport
import GateModel
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

extension Acceptance {
    @Suite struct `A link` {
        @Test func `is refused without, with an expired, with another node's and for another extender's credential`()
            async throws
        {
            try await TwoNodes.with { nodes in
                let node = nodes.origin
                let authority = try LinkAuthority.load(from: "\(node.directory)/authority")
                let stranger = try LinkAuthority.load(from: "\(nodes.exit.directory)/authority")
                let other = ExtenderID(UUIDBytes(high: 1, low: 2))
                let socks = ShippedExtender.socks5
                let past = UnixTime(seconds: UnixTime.now().seconds - 7200)
                let cases: [(name: String, credential: LinkCredential, reason: String)] = [
                    (
                        "expired",
                        try LinkCredential(
                            authority.issue(
                                role: .extender(socks), name: "x-expired", lifetime: .seconds(60), now: past)),
                        "expired"
                    ),
                    (
                        "another extender's",
                        try LinkCredential(authority.issue(role: .extender(other), name: "x-other")), "x-other"
                    ),
                    (
                        "another role's",
                        try LinkCredential(authority.issue(role: .database, name: "x-role")), "wrongRole"
                    ),
                ]
                for (name, credential, reason) in cases {
                    let before = refusals(of: node)
                    let isOpen = await opens(credential, at: node.kernelLink)
                    #expect(!isOpen, "\(name)")
                    let isLogged = try await blocking {
                        Acceptance.eventually(within: 5) {
                            refusals(of: node).dropFirst(before.count).contains { $0.contains(reason) }
                        }
                    }
                    #expect(isLogged, "\(name): \(refusals(of: node).dropFirst(before.count))")
                }
                let foreign = try stranger.issue(role: .extender(socks), name: "x-stranger")
                let untrusted: [(IssuedCredential?, String)] = [
                    (nil, "no certificate was shown"), (foreign, "otherNode"),
                ]
                for (credential, reason) in untrusted {
                    for endpoint in [node.kernelLink, node.databaseLink] {
                        let before = refusals(of: node)
                        #expect(!(await isAnswered(at: endpoint, showing: credential)))
                        let isLogged = try await blocking {
                            Acceptance.eventually(within: 5) {
                                refusals(of: node).dropFirst(before.count).contains { $0.contains(reason) }
                            }
                        }
                        #expect(isLogged, "\(reason) at \(endpoint): \(refusals(of: node).dropFirst(before.count))")
                    }
                }
            }
        }

        /// Whether a link as the socks5 extender opens with that credential.
        private func opens(_ credential: LinkCredential, at endpoint: Endpoint) async -> Bool {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let keeper = LinkKeeper(
                target: .network(endpoint, credential: LinkCredentialSource(credential)), expects: .kernel,
                attach: LinkAttach(extender: ShippedExtender.socks5, name: "test", replica: 7), eventLoop: loop,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            return await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    await keeper.run()
                    return false
                }
                group.addTask { await keeper.requester.connected() }
                group.addTask {
                    try? await Task.sleep(for: .seconds(2))
                    return false
                }
                let first = await group.next() ?? false
                group.cancelAll()
                return first
            }
        }

        /// Whether anything but TLS's own bytes comes back to who shows no certificate, or a foreign one, and believes any.
        private func isAnswered(at endpoint: Endpoint, showing credential: IssuedCredential?) async -> Bool {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            if let credential,
                let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(credential.certificate.utf8)),
                let key = try? NIOSSLPrivateKey(bytes: Array(credential.key.utf8), format: .pem)
            {
                configuration.certificateChain = certificates.map { .certificate($0) }
                configuration.privateKey = .privateKey(key)
            }
            guard let context = try? NIOSSLContext(configuration: configuration) else { return true }
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let heard = loop.makePromise(of: Bool.self)
            let bootstrap = ClientBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try NIOSSLClientHandler(context: context, serverHostname: nil), HearingHandler(heard: heard),
                    ])
                }
            }
            guard let channel = try? await bootstrap.connect(host: endpoint.host, port: Int(endpoint.port)).get() else {
                heard.succeed(true)
                return true
            }
            let answer = (try? await heard.futureResult.get()) ?? true
            try? await channel.close()
            return answer
        }

        private func refusals(of node: DemoNode) -> [Substring] {
            text(of: node.log).split(separator: "\n").filter { $0.contains("link refused") }
        }
    }
}

/// Says whether bytes came before the connection ended.
private final class HearingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let heard: EventLoopPromise<Bool>

    init(heard: EventLoopPromise<Bool>) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.succeed(true) }

    func channelInactive(context: ChannelHandlerContext) { heard.succeed(false) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
