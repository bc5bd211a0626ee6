;; Writes what make-classpath2 writes, and of the basis what calling a function needs. The basis itself names files of this build.
(require '[clojure.edn :as edn] '[clojure.tools.deps.script.make-classpath2 :as make])

(apply make/-main *command-line-args*)
(let [file #(str (System/getenv "SLUGC_FREEZE") "/" %)
      basis (edn/read-string {:default tagged-literal} (slurp (file "basis")))]
  (spit (file "execute") (pr-str (select-keys basis [:execute-args]))))
