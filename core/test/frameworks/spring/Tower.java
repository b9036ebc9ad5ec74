package flights;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.ApplicationArguments;
import org.springframework.boot.ApplicationRunner;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.SendResult;
import org.springframework.stereotype.Component;

/** Announces the flights of a file, one a line: key, tab, value. Then closes one shift, and fails to close another. */
@Component
class Tower implements ApplicationRunner {
  private final KafkaTemplate<String, String> template;
  private final KafkaTemplate<String, String> transactionalTemplate;

  Tower(
      @Qualifier("template") KafkaTemplate<String, String> template,
      @Qualifier("transactionalTemplate") KafkaTemplate<String, String> transactionalTemplate) {
    this.template = template;
    this.transactionalTemplate = transactionalTemplate;
  }

  @Override
  public void run(ApplicationArguments arguments) throws Exception {
    var sends = new ArrayList<CompletableFuture<SendResult<String, String>>>();
    for (String line : Files.readAllLines(Path.of(arguments.getOptionValues("flights").get(0)))) {
      int tab = line.indexOf('\t');
      sends.add(template.send("landings", line.substring(0, tab), line.substring(tab + 1)));
    }
    long offsets = 0;
    for (var send : sends) offsets += send.get().getRecordMetadata().offset();
    System.out.println("announced " + sends.size() + " " + offsets);
    try {
      shift("night", true);
    } catch (IllegalStateException error) {
      System.out.println("shift failed: " + error.getMessage());
    }
    shift("day", false);
    System.out.println("shifts");
  }

  private void shift(String name, boolean fails) {
    transactionalTemplate.executeInTransaction(
        operations -> {
          for (int hour = 0; hour < 8; hour++) operations.send("shifts", name, name + " " + hour);
          operations.flush();
          if (fails) throw new IllegalStateException("nobody came to the " + name + " shift");
          return null;
        });
  }
}
