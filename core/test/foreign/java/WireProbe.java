// Speaks Kafka's wire protocol through Apache Kafka's own generated message classes, and nothing above them: every request is encoded and every
// answer decoded by `org.apache.kafka.common.message.*` at exactly the version that was asked for.
// One JSON object a line on stdin, one on stdout for each, in the order in which they come to an end:
//   { "id": 1, "connection": "a", "address": "127.0.0.1:9092", "api": "Fetch", "key": 1, "version": 12, "body": {…}, "timeoutMs": 10000 }
//     → { "id": 1, "answer": {…} }, or { "id": 1, "outcome": "closed" | "timeout" }, or { "id": 1, "outcome": "failed", "message": "…" }
//   with "quietMs": 300 instead of a timeout, no answer is expected → "quiet", or "closed" within that time
//   { …, "frame": "hex" } sends these bytes behind a size → { "id", "frame": "hex" } or an outcome
// Requests of one connection (its name and address) go one after the other, those of different connections side by side.
// Record batches of Fetch and ShareFetch answers are decoded into their records, their CRC checked.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

public final class WireProbe {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MESSAGES = "org.apache.kafka.common.message.";
    private static final String CLIENT_ID = "wire-probe";
    private static final int FRAME_BYTES_MAX = 64 * 1024 * 1024;
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    /** Its thread is the only one that touches the socket. */
    private static final class Connection {
        final ExecutorService thread = Executors.newSingleThreadExecutor(run -> {
            Thread made = new Thread(run);
            made.setDaemon(true);
            return made;
        });
        Socket socket;
        DataInputStream in;
        DataOutputStream out;
        int correlationId = 0;

        void open(String address) throws IOException {
            if (socket != null) return;
            int colon = address.lastIndexOf(':');
            socket = new Socket();
            socket.setTcpNoDelay(true);
            socket.connect(
                new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))), 10_000);
            in = new DataInputStream(socket.getInputStream());
            out = new DataOutputStream(socket.getOutputStream());
        }

        void close() {
            try {
                if (socket != null) socket.close();
            } catch (IOException ignored) {
                // It is gone either way.
            }
            socket = null;
        }
    }

    public static void main(String[] args) throws Exception {
        Map<String, Connection> connections = new HashMap<>();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode call = JSON.readTree(line);
            String name = call.get("connection").asText() + "@" + call.get("address").asText();
            Connection connection = connections.computeIfAbsent(name, unused -> new Connection());
            connection.thread.submit(() -> print(call.get("id"), answer(connection, call)));
        }
    }

    private static void print(JsonNode id, ObjectNode answer) {
        answer.set("id", id);
        synchronized (OUT) {
            OUT.println(answer);
            OUT.flush();
        }
    }

    private static ObjectNode answer(Connection connection, JsonNode call) {
        ObjectNode result = JSON.createObjectNode();
        try {
            if (call.path("disconnect").asBoolean(false)) {
                connection.close();
                return result.put("outcome", "closed");
            }
            byte[] frame = call.has("frame") ? HexFormat.of().parseHex(call.get("frame").asText()) : encode(connection, call);
            try {
                connection.open(call.get("address").asText());
                connection.socket.setSoTimeout(call.has("quietMs") ? call.get("quietMs").asInt() : call.path("timeoutMs").asInt(15_000));
                connection.out.writeInt(frame.length);
                connection.out.write(frame);
                connection.out.flush();
                byte[] got = read(connection);
                if (call.has("frame")) return result.put("frame", HexFormat.of().formatHex(got));
                result.set("answer", decode(connection, call, got));
            } catch (SocketTimeoutException late) {
                if (call.has("quietMs")) return result.put("outcome", "quiet");
                connection.close();
                return result.put("outcome", "timeout");
            } catch (IOException ended) {
                connection.close();
                return result.put("outcome", "closed");
            }
            return result;
        } catch (InvocationTargetException wrapped) {
            return result.put("outcome", "failed").put("message", String.valueOf(wrapped.getCause()));
        } catch (Throwable broken) {
            // Also a decoder that finds the answer wrong: then the connection is of no more use.
            connection.close();
            return result.put("outcome", "failed").put("message", String.valueOf(broken));
        }
    }

    private static byte[] read(Connection connection) throws IOException {
        int bytes = connection.in.readInt();
        if (bytes < 0 || bytes > FRAME_BYTES_MAX) throw new IllegalStateException("an answer of " + bytes + " bytes");
        byte[] frame = new byte[bytes];
        connection.in.readFully(frame);
        return frame;
    }

    private static byte[] encode(Connection connection, JsonNode call) throws Exception {
        short key = (short) call.get("key").asInt();
        short version = (short) call.get("version").asInt();
        Class<?> converter = Class.forName(MESSAGES + call.get("api").asText() + "RequestDataJsonConverter");
        Message body = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, call.get("body"), version);
        short headerVersion = ApiMessageType.fromApiKey(key).requestHeaderVersion(version);
        RequestHeaderData header = new RequestHeaderData()
            .setRequestApiKey(key)
            .setRequestApiVersion(version)
            .setCorrelationId(++connection.correlationId)
            .setClientId(call.path("clientId").asText(CLIENT_ID));
        ObjectSerializationCache headerCache = new ObjectSerializationCache();
        ObjectSerializationCache bodyCache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(header.size(headerCache, headerVersion) + body.size(bodyCache, version));
        ByteBufferAccessor accessor = new ByteBufferAccessor(buffer);
        header.write(accessor, headerCache, headerVersion);
        body.write(accessor, bodyCache, version);
        return buffer.array();
    }

    private static JsonNode decode(Connection connection, JsonNode call, byte[] frame) throws Exception {
        short key = (short) call.get("key").asInt();
        short version = (short) call.get("version").asInt();
        ApiMessageType type = ApiMessageType.fromApiKey(key);
        ByteBuffer buffer = ByteBuffer.wrap(frame);
        ByteBufferAccessor accessor = new ByteBufferAccessor(buffer);
        ResponseHeaderData header = new ResponseHeaderData(accessor, type.responseHeaderVersion(version));
        if (header.correlationId() != connection.correlationId) {
            throw new IllegalStateException("an answer to " + header.correlationId() + " for " + connection.correlationId);
        }
        ApiMessage body = type.newResponse();
        try {
            body.read(accessor, version);
        } catch (RuntimeException wrong) {
            // A broker that does not know an ApiVersions request answers it in version 0.
            if (key != ApiMessageType.API_VERSIONS.apiKey() || version == 0) throw wrong;
            buffer.position(4);
            body = type.newResponse();
            body.read(accessor, (short) 0);
        }
        if (buffer.hasRemaining()) throw new IllegalStateException(buffer.remaining() + " bytes behind the answer");
        Class<?> converter = Class.forName(MESSAGES + call.get("api").asText() + "ResponseDataJsonConverter");
        JsonNode json = (JsonNode) converter.getMethod("write", body.getClass(), short.class).invoke(null, body, version);
        putRecords(json, body);
        return json;
    }

    /** Kafka's converter leaves record data out of the JSON: it is put where its size stands. */
    private static void putRecords(JsonNode json, Object data) throws Exception {
        if (json.isArray()) {
            int i = 0;
            if (data instanceof Iterable<?> each) for (Object element : each) putRecords(json.get(i++), element);
        } else if (json instanceof ObjectNode object) {
            for (String name : (Iterable<String>) () -> JSON.convertValue(object, Map.class).keySet().stream().map(String::valueOf).iterator()) {
                if (name.equals("recordsSizeInBytes")) {
                    Object records = accessor(data, "records").invoke(data);
                    object.remove("recordsSizeInBytes");
                    object.set("records", records == null ? JSON.nullNode() : batches((MemoryRecords) records));
                } else if (object.get(name).isContainerNode()) {
                    putRecords(object.get(name), accessor(data, name).invoke(data));
                }
            }
        }
    }

    private static Method accessor(Object data, String name) throws NoSuchMethodException {
        return data.getClass().getMethod(name);
    }

    private static ArrayNode batches(MemoryRecords records) {
        ArrayNode all = JSON.createArrayNode();
        for (RecordBatch batch : records.batches()) {
            ObjectNode one = all.addObject();
            one.put("baseOffset", batch.baseOffset()).put("lastOffset", batch.lastOffset());
            one.put("partitionLeaderEpoch", batch.partitionLeaderEpoch()).put("magic", batch.magic()).put("isValid", batch.isValid());
            one.put("compression", batch.compressionType().name).put("timestampType", batch.timestampType().name);
            one.put("maxTimestampMs", batch.maxTimestamp());
            one.put("producerId", batch.producerId()).put("producerEpoch", batch.producerEpoch()).put("baseSequence", batch.baseSequence());
            one.put("isTransactional", batch.isTransactional()).put("isControlBatch", batch.isControlBatch());
            one.put("count", batch.countOrNull());
            ArrayNode list = one.putArray("records");
            for (Record record : batch) {
                ObjectNode each = list.addObject();
                each.put("offset", record.offset()).put("timestampMs", record.timestamp());
                each.put("key", text(record.key())).put("value", text(record.value()));
                ArrayNode headers = each.putArray("headers");
                for (Header header : record.headers()) {
                    headers.addObject().put("key", header.key()).put("value", header.value() == null ? null : text(ByteBuffer.wrap(header.value())));
                }
            }
        }
        return all;
    }

    /** Bytes one to one as characters: control records are no UTF-8. */
    private static String text(ByteBuffer bytes) {
        if (bytes == null) return null;
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return new String(copy, StandardCharsets.ISO_8859_1);
    }
}
