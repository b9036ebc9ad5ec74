// Apache Kafka's command-line tools, many calls in one JVM: `id \t main class \t stdin \t argument…` in, `id \t exit code \t stdout \t stderr` out, all but
// the id and the code in base64. Calls run side by side. Each has its own streams, which its threads inherit, and its own end: an exit ends
// the call, and shutdown hooks run behind it, as they would in a JVM of its own. Once stdin ends, so does everything.
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.function.Function;
import org.apache.kafka.common.utils.Exit;

public final class KafkaTools {
    private static final class Call {
        final InputStream in;
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final List<Runnable> hooks = new ArrayList<>();
        Integer exit;

        Call(byte[] input) {
            in = new ByteArrayInputStream(input);
        }
    }

    private static final class Ended extends Error {
        Ended() {
            super("the call has ended", null, false, false);
        }
    }

    private static final InheritableThreadLocal<Call> CALL = new InheritableThreadLocal<>();

    /** Where nobody called, nobody listens. */
    private static OutputStream to(Function<Call, OutputStream> stream) {
        return new OutputStream() {
            @Override
            public void write(int one) {
                write(new byte[] {(byte) one}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int from, int count) {
                Call call = CALL.get();
                if (call != null) ((ByteArrayOutputStream) stream.apply(call)).write(bytes, from, count);
            }
        };
    }

    private static final InputStream IN = new InputStream() {
        @Override
        public int read() throws java.io.IOException {
            Call call = CALL.get();
            return call == null ? -1 : call.in.read();
        }

        @Override
        public int read(byte[] bytes, int from, int count) throws java.io.IOException {
            Call call = CALL.get();
            return call == null ? -1 : call.in.read(bytes, from, count);
        }
    };

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.setIn(IN);
        System.setOut(new PrintStream(to(call -> call.out), true));
        System.setErr(new PrintStream(to(call -> call.err), true));
        Exit.setExitProcedure((code, message) -> end(code));
        Exit.setHaltProcedure((code, message) -> end(code));
        Exit.setShutdownHookAdder((name, hook) -> CALL.get().hooks.add(hook));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split("\t", -1);
            Thread thread = new Thread(() -> {
                Call call = new Call(Base64.getDecoder().decode(words[2]));
                CALL.set(call);
                int code = run(call, words[1], Arrays.stream(words).skip(3).map(KafkaTools::decoded).toArray(String[]::new));
                Base64.Encoder encoder = Base64.getEncoder();
                String answer = words[0] + "\t" + code + "\t" + encoder.encodeToString(call.out.toByteArray()) + "\t"
                    + encoder.encodeToString(call.err.toByteArray());
                synchronized (answers) {
                    answers.println(answer);
                    answers.flush();
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        Runtime.getRuntime().halt(0);
    }

    /** The first exit counts: what a tool makes of the error that ends it is not its exit. */
    private static void end(int code) {
        Call call = CALL.get();
        if (call.exit == null) call.exit = code;
        throw new Ended();
    }

    private static int run(Call call, String tool, String[] args) {
        int code = 0;
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException thrown) {
            if (!(thrown.getCause() instanceof Ended)) {
                thrown.getCause().printStackTrace();
                code = 1;
            }
        } catch (ReflectiveOperationException noTool) {
            noTool.printStackTrace();
            code = 1;
        }
        for (Runnable hook : call.hooks) hook.run();
        return call.exit == null ? code : call.exit;
    }

    private static String decoded(String base64) {
        return new String(Base64.getDecoder().decode(base64), StandardCharsets.UTF_8);
    }
}
