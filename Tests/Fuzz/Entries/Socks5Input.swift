import GateModel
import NIOCore
import Socks5

/// The SOCKS5 exchange over any bytes, and both headers between its extenders: refused, or written as they were read.
enum Socks5Input {
    static func run(_ bytes: [UInt8]) {
        let bytes = ByteBuffer(bytes: bytes)
        exchange(bytes)
        request(bytes)
        answer(bytes)
    }

    private static func exchange(_ bytes: ByteBuffer) {
        var exchange = Socks5Exchange()
        var input = bytes
        while true {
            let before = input.readableBytes
            switch exchange.received(&input) {
            case .send: precondition(input.readableBytes < before, "an answer takes the question off the input")
            case .awaitMore:
                precondition(before < Socks5Exchange.messageBytesMax, "a message is bounded")
                return
            case .refuse: return
            case .connect(_, let options):
                precondition(options.hops.map { (0...Socks5Options.hopsMax).contains($0) } ?? true, "hops are bounded")
                guard case .send = exchange.settled(.succeeded) else { preconditionFailure("a success is told") }
                precondition(exchange.received(&input) == .awaitMore, "the rest is the target's")
                return
            }
        }
    }

    private static func request(_ bytes: ByteBuffer) {
        var input = bytes
        guard let target = try? ExitRequest.decode(&input) else {
            precondition(input == bytes, "nothing is taken off what is no request")
            return
        }
        var again = ByteBuffer()
        ExitRequest.encode(target, into: &again)
        precondition(bytes.readableBytesView.starts(with: again.readableBytesView), "one encoding")
        precondition(input.readableBytes == bytes.readableBytes - again.readableBytes, "no byte more is taken")
    }

    private static func answer(_ bytes: ByteBuffer) {
        var input = bytes
        guard let reply = try? ExitAnswer.decode(&input) else { return }
        precondition(bytes.readableBytesView.starts(with: ExitAnswer.encode(reply).readableBytesView), "one encoding")
    }

    private static let name = Array("example.org".utf8)
    private static let plain: [UInt8] = [5, 1, 0]

    private static func credentials(_ options: String) -> [UInt8] {
        [5, 2, 0, 2, 1, UInt8(options.utf8.count)] + options.utf8 + [1, 0x78]
    }

    static let seeds: [[UInt8]] =
        [
            plain + [5, 1, 0, 3, 11] + name + [0, 80] + Array("GET /".utf8),
            plain + [5, 1, 0, 1, 127, 0, 0, 1, 0, 80],
            plain + [5, 1, 0, 4] + [UInt8](repeating: 0, count: 15) + [1, 1, 187],
            credentials("hops=3,isolate=x") + [5, 1, 0, 3, 11] + name + [0, 80],
            credentials("node=00000000-0000-8000-8000-000000000001") + [5, 2, 0, 3, 11] + name + [0, 80],
        ] + requests + [ExitAnswer.encode(.succeeded).bytes, ExitAnswer.encode(.generalFailure).bytes]

    private static let requests: [[UInt8]] = [
        Socks5Target(name: name, port: 80),
        IPAddress(bytes: [127, 0, 0, 1]).flatMap { Socks5Target(address: $0, port: 443) },
        IPAddress(bytes: [UInt8](repeating: 9, count: 16)).flatMap { Socks5Target(address: $0, port: 443) },
    ].compactMap { $0 }.map { target in
        var buffer = ByteBuffer()
        ExitRequest.encode(target, into: &buffer)
        return buffer.bytes
    }
}
