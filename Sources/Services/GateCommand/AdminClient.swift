internal import GateModel
internal import NIOCore
internal import NIOPosix

/// Asks the admin port of one of our processes; a few lines, because that is all the HTTP that is needed.
enum AdminClient {
    /// The longest answer that is read.
    static let answerBytesMax = 8 << 20

    /// The body of a GET's answer; throws where there is none with status 200 within 5 s.
    static func get(_ path: String, from endpoint: Endpoint) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(2))
            .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let deadline = channel.channel.eventLoop.scheduleTask(in: .seconds(5)) { channel.channel.close(promise: nil) }
        defer { deadline.cancel() }
        return try await channel.executeThenClose { inbound, outbound in
            let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            try await outbound.write(ByteBuffer(string: request))
            var answer = ByteBuffer()
            for try await part in inbound where answer.readableBytes < answerBytesMax {
                answer.writeImmutableBuffer(part)
                if let body = try body(of: String(buffer: answer)) { return body }
            }
            throw CommandFailure("no answer from \(endpoint)")
        }
    }

    /// The body once it is whole; `nil` while it is not; throws for a status other than 200.
    static func body(of answer: String) throws -> String? {
        guard let end = answer.utf8.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = answer[..<end.lowerBound]
        guard head.hasPrefix("HTTP/1.1 200") else { throw CommandFailure("answer: \(head.prefix { $0 != "\r\n" })") }
        let length = head.split(separator: "\r\n").compactMap { line -> Int? in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
            return Int(parts[1].drop { $0 == " " })
        }.first
        let body = answer.utf8[end.upperBound...]
        guard let length, body.count >= length else { return nil }
        return String(decoding: body.prefix(length), as: UTF8.self)
    }
}

extension Collection<UInt8> {
    /// Where `pattern` first is.
    fileprivate func firstRange(of pattern: [UInt8]) -> Range<Index>? {
        var start = startIndex
        while start != endIndex {
            let rest = self[start...]
            guard rest.count >= pattern.count else { return nil }
            if rest.starts(with: pattern) { return start..<index(start, offsetBy: pattern.count) }
            start = index(after: start)
        }
        return nil
    }
}
