// Apache Kafka's dump-log, many times in one JVM: each line of stdin holds the arguments of one call, separated by tabs.
// What a call prints on both streams comes on stdout between `=== call N` and `=== exit CODE`.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.DumpLogSegments;

public final class DumpLogs {
    private static final class Ended extends RuntimeException {
        final int code;

        Ended(int code) {
            this.code = code;
        }
    }

    public static void main(String[] args) throws Exception {
        System.setErr(System.out);
        Exit.setExitProcedure((code, message) -> {
            throw new Ended(code);
        });
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        int call = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println("=== call " + call++);
            int code = 0;
            try {
                DumpLogSegments.main(line.split("\t"));
            } catch (Ended ended) {
                code = ended.code;
            } catch (Throwable thrown) {
                System.out.println("Exception " + thrown);
                code = 1;
            }
            System.out.println();
            System.out.println("=== exit " + code);
        }
        System.out.flush();
    }
}
