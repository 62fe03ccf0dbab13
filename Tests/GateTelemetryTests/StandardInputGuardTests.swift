import Glibc
import Testing

@testable import GateTelemetry

@Suite struct StandardInputGuardTests {
    @Test func `end of file asks first, then ends`() async {
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)
        let (events, continuation) = AsyncStream.makeStream(of: String.self)
        let watch = StandardInputGuard(
            descriptor: pipe[0], grace: .milliseconds(1), ask: { continuation.yield("ask") },
            end: {
                continuation.yield("end")
                continuation.finish()
            })
        #expect(watch.start())
        #expect(write(pipe[1], "x", 1) == 1)  // what is written says nothing
        close(pipe[1])
        var seen: [String] = []
        for await event in events { seen.append(event) }
        #expect(seen == ["ask", "end"])
        close(pipe[0])
    }

    @Test func `what is neither pipe nor socket is not watched`() {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        let watch = StandardInputGuard(
            descriptor: descriptor, grace: .zero, ask: { Issue.record("asked") }, end: { Issue.record("ended") })
        #expect(!watch.start())
    }
}
