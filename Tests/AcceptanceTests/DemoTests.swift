import GateCommand
import Testing

extension Acceptance {
    @Suite struct `Demo with check` {
        @Test(arguments: [3, 0, 8])
        func `ends with 0 within 180 seconds`(hops: Int) throws {
            let megabytes = Acceptance.isOptimised && hops == 3 ? 256 : 8
            let done = try ChildProcess.run(
                Acceptance.programs.quantumgate,
                ["demo", "--hops", "\(hops)", "--check", "--megabytes", "\(megabytes)"], within: 180)
            #expect(done.code == 0, "\(done.output)")
            #expect(done.output.contains("SHA-256 right"))
            #expect(done.output.contains("all as it should be"))
            #expect(hops == 0 || done.output.contains("the download failed, as it must"))
        }
    }
}
