import Crypto
package import GateModel
package import NIOCore
import NIOPosix

/// A web server on loopback with files of any length: `GET /N` answers with N bytes that nobody can compress.
package final class DemoWebServer: Sendable {
    /// The port on 127.0.0.1 that it got.
    package let port: UInt16
    private let channel: any Channel

    package var endpoint: Endpoint { Endpoint(host: host, port: port) }
    private let host: String

    /// The longest request head that is read.
    static let headBytesMax = 8192

    private init(channel: any Channel, host: String, port: UInt16) {
        self.host = host
        self.channel = channel
        self.port = port
    }

    /// Listens on a free port of `host`.
    package static func start(group: any EventLoopGroup, host: String = "127.0.0.1") async throws -> DemoWebServer {
        let block = DemoFile.block
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 1 << 20, high: 2 << 20))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DemoWebHandler(block: block))
                }
            }
            .bind(host: host, port: 0).get()
        return DemoWebServer(channel: channel, host: host, port: UInt16(channel.localAddress?.port ?? 0))
    }

    package func stop() async { try? await channel.close() }
}

/// What the demo's files hold: one block of random-looking bytes again and again.
package enum DemoFile {
    package static let block: ByteBuffer = {
        var block = ByteBuffer()
        var digest = Array(SHA256.hash(data: Array("QuantumGate demo".utf8)))
        while block.readableBytes < 1 << 20 {
            block.writeBytes(digest)
            digest = Array(SHA256.hash(data: digest))
        }
        return block
    }()

    /// SHA-256 of the file of this length, in hexadecimal.
    package static func digest(byteCount: Int) -> String {
        var hash = SHA256()
        var left = byteCount
        while left > 0 {
            let part = block.readableBytesView.prefix(left)
            part.withUnsafeBytes { hash.update(bufferPointer: $0) }
            left -= part.count
        }
        return hexadecimal(hash.finalize())
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private final class DemoWebHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let block: ByteBuffer
    private var head = ByteBuffer()
    private var left = 0
    private var closes = false

    init(block: ByteBuffer) { self.block = block }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        head.writeBuffer(&bytes)
        guard head.readableBytes <= DemoWebServer.headBytesMax else { return context.close(promise: nil) }
        answer(context)
    }

    private func answer(_ context: ChannelHandlerContext) {
        guard left == 0, head.readableBytesView.suffix(4).elementsEqual("\r\n\r\n".utf8) else { return }
        let text = String(buffer: head)
        head.clear()
        closes = text.lowercased().contains("connection: close")
        let path = text.split(separator: " ").dropFirst().first ?? ""
        left = max(0, Int(path.dropFirst()) ?? 0)
        var answer = context.channel.allocator.buffer(capacity: 128)
        answer.writeString(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: \(left)\r\n\r\n")
        context.write(wrapOutboundOut(answer), promise: nil)
        send(context)
    }

    private func send(_ context: ChannelHandlerContext) {
        while left > 0, context.channel.isWritable {
            let count = min(left, block.readableBytes)
            guard let part = block.getSlice(at: block.readerIndex, length: count) else { return }
            left -= count
            context.write(wrapOutboundOut(part), promise: nil)
            context.flush()
        }
        guard left == 0, closes else { return context.flush() }
        // Closing drops what still waits, so it follows the last write.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, left > 0 { send(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
