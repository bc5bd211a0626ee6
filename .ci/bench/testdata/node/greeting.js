exports.greeting = 'hello from big';
